"""The explorer: a function's graph on the screen, with every sweep stepped through.

The drawing is one module (``web/src/drawing``, TypeScript; built into ``static/drawing.js``), which
serves pages, notebooks and the live explorer alike.  It draws what ``dk.explain(...).to_dict()``
says, so every number on the screen was computed by diffkit itself.

Reading on: ``static_page.py`` puts it into a page that works from ``file://``, ``widget.py`` into
a notebook; ``server.py`` is what the live page asks, ``security.py`` who may, ``limits.py`` how
much.
"""
