"""Pictures: one style for all, and one module for each family of figures.

``style`` has the colours and the style sheet, ``graphs`` draws expression graphs, ``traces`` the
tables of forward and reverse sweeps, ``curves`` errors against steps or sizes, ``comparison``
the methods side by side, ``pages`` says what a script of the gallery is.
"""
