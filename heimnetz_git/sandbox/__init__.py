"""What a plugin can reach: its profile as a value, and the kernel's means to enforce it."""
