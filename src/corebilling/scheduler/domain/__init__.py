"""What a billing cycle is, and which moves it may make. Pure."""
