//! Files that are whole or absent: atomic writes, reads that follow no link, append-only records, one owner.
