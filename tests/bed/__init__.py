"""What tests stand on: worlds of their own, a model API on loopback, real and hostile agents."""
