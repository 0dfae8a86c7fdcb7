"""The HTTP API and the live page, as a FastAPI application."""
