"""What tests share: projects to run in, landing zones, made-up vendors, and ways to run the models alone."""
