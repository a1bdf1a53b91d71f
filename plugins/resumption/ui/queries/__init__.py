"""What the working pages ask the warehouse. Every function takes a connection and only reads."""
