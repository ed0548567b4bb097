"""The commands of `aiharness`, one file each."""
