"""Model validation: are the answers right, on labelled data and against golden outputs?"""
