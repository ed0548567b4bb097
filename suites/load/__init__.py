"""Load: does the service keep its objectives under an open-loop load that kept up?"""
