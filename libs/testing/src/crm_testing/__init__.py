"""What tests of every service use. Nothing in production imports it."""
