"""The seeded defects, one file each: it offers `DEFECT`."""
