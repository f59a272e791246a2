"""The training stages, as LightningModules (paper section 4.1), and what runs them."""
