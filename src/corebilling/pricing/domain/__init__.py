"""The rules of pricing. Pure; the maths of prices is rating's."""
