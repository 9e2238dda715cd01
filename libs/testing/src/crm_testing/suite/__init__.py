"""What tests of the whole workspace take from the runner: engines of their own."""
