"""The HTTP API and the plain pages, as a FastAPI application."""
