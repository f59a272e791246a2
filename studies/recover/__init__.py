"""`s2m recover` on people whose bodies are known, because they are rendered."""
