"""The healthy variants, one file each: it offers `VARIANT`."""
