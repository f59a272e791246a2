"""The ablations of stage 3: what is trained, how it is compared, and the pages that say so."""
