"""Building blocks of pages: forms and fields, charts, the stylesheet and script bundles, search, and the staff site."""
