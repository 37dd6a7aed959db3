"""What is done to an update before others get it: noise, masks, encryption."""
