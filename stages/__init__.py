"""The three training stages, as LightningModules (paper section 4.1)."""
