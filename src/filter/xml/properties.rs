//! Whatever a backend sends, in whatever pieces: only granted cells leave.
