"""HTTP helpers shared by pages and API: client addresses, the acting principal, and safe redirects."""
