"""What a fitted model can do, a topic a module; results.py puts them together."""
