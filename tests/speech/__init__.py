"""What is heard: voices, their sound, and when it is made."""
