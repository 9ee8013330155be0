"""Shipped fakes: small stand-ins for the outer world that tests, here and elsewhere, build on."""
