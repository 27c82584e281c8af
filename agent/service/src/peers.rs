//! No single peer may take all connections of a listener.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

/// Who is connected, by address, and how often.
#[derive(Debug)]
pub(crate) struct Peers {
    seats: HashMap<IpAddr, Arc<()>>,
    most: usize,
}

/// One connection's place; given back when dropped, however the connection ends.
#[derive(Debug)]
pub(crate) struct Seat {
    _taken: Arc<()>,
}

impl Peers {
    /// At most `most` connections for each peer.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            seats: HashMap::new(),
            most,
        }
    }

    /// A place for one more connection of this peer, if it may have one.
    pub(crate) fn seat(&mut self, address: IpAddr) -> Option<Seat> {
        self.seats.retain(|_, seats| Arc::strong_count(seats) > 1);
        let seats = self.seats.entry(peer(address)).or_default();
        let taken = Arc::strong_count(seats) - 1;
        (taken < self.most).then(|| Seat {
            _taken: Arc::clone(seats),
        })
    }
}

/// All loopback addresses are one peer: whoever may use one may use any.
fn peer(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        own if own.is_loopback() => Ipv4Addr::LOCALHOST.into(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seat(peers: &mut Peers, address: &str) -> Option<Seat> {
        peers.seat(address.parse().unwrap())
    }

    #[test]
    fn a_full_peer_leaves_room_for_others() {
        let mut peers = Peers::new(2);
        let first = seat(&mut peers, "10.0.0.1").unwrap();
        let _second = seat(&mut peers, "::ffff:10.0.0.1").unwrap();
        assert!(seat(&mut peers, "10.0.0.1").is_none());
        let _other = seat(&mut peers, "10.0.0.2").unwrap();
        drop(first);
        assert!(seat(&mut peers, "10.0.0.1").is_some());
    }

    #[test]
    fn every_loopback_address_is_one_peer() {
        let mut peers = Peers::new(2);
        let _seats = [
            seat(&mut peers, "127.0.0.1").unwrap(),
            seat(&mut peers, "127.8.8.8").unwrap(),
        ];
        assert!(seat(&mut peers, "::1").is_none());
    }

    #[test]
    fn who_left_is_forgotten() {
        let mut peers = Peers::new(1);
        for last in 0..=255 {
            drop(seat(&mut peers, &format!("10.0.0.{last}")).unwrap());
        }
        assert_eq!(peers.seats.len(), 1);
    }
}
