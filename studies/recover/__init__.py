"""`s2m recover`: figures on people whose bodies are known, what ships with it, and how long it takes."""
