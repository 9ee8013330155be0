"""Fabrics: what each Local Climate Zone is made of, from quarters to streets, buildings, trees and fields."""
