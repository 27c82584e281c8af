//! Directories that change: inotify, else polling, and it says which.
