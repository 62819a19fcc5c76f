//! Gzip on several threads: the input is cut at fixed places, and each piece becomes a member of its
//! own, as RFC 1952 allows. So the bytes depend on the input alone.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;

use libdeflater::{CompressionLvl, Compressor};

/// How long a piece is. Longer ones deflate a little better, and take more memory.
const PIECE: usize = 1 << 20;
/// The level, from 1 to 12.
const LEVEL: i32 = 6;

type Job = (Vec<u8>, Sender<Vec<u8>>);

/// Takes the input; gives full pieces to the threads.
struct Pieces<'p> {
    piece: Vec<u8>,
    jobs: SyncSender<Job>,
    order: SyncSender<Receiver<Vec<u8>>>,
    stopped: &'p dyn Fn() -> bool,
    any: bool,
}

impl Pieces<'_> {
    fn hand_over(&mut self) -> io::Result<()> {
        if (self.stopped)() {
            return Err(io::Error::other("stopped"));
        }
        let (sender, receiver) = channel();
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        self.any = true;
        let gone = |_| io::Error::other("stopped");
        self.order.send(receiver).map_err(|_| ()).map_err(gone)?;
        self.jobs.send((piece, sender)).map_err(|_| ()).map_err(gone)
    }
}

impl Write for Pieces<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(PIECE - self.piece.len());
        self.piece.extend_from_slice(&bytes[..taken]);
        if self.piece.len() == PIECE {
            self.hand_over()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Gzips what `produce` writes. Its error comes first, then that of the output.
pub fn gzip<E: From<io::Error> + Send>(
    threads: usize,
    cancelled: &(dyn Fn() -> bool + Sync),
    output: &mut (dyn Write + Send),
    produce: impl FnOnce(&mut dyn Write) -> Result<(), E> + Send,
) -> Result<(), E> {
    let threads = threads.max(1);
    // What is under way is bounded by the room in these two.
    let (jobs, work) = sync_channel::<Job>(threads);
    let (order, results) = sync_channel::<Receiver<Vec<u8>>>(2 * threads);
    let work = Arc::new(Mutex::new(work));
    let failed = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..threads {
            let work = Arc::clone(&work);
            scope.spawn(move || compress(&work));
        }
        drop(work);
        let failed = &failed;
        let producer = scope.spawn(move || {
            let stopped = || cancelled() || failed.load(Ordering::Relaxed);
            let piece = Vec::with_capacity(PIECE);
            let mut pieces = Pieces { piece, jobs, order, stopped: &stopped, any: false };
            produce(&mut pieces)?;
            if !pieces.piece.is_empty() || !pieces.any {
                pieces.hand_over()?;
            }
            Ok(())
        });
        let mut written = Ok(());
        for result in results {
            let member = result.recv().map_err(|_| io::Error::other("a thread that compresses ended"));
            written = member.and_then(|member| output.write_all(&member));
            if written.is_err() {
                failed.store(true, Ordering::Relaxed);
                break;
            }
        }
        let produced: Result<(), E> =
            producer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        // An output that failed stops the producer, whose error then says nothing.
        written?;
        produced
    })
}

fn compress(work: &Mutex<Receiver<Job>>) {
    let level = CompressionLvl::new(LEVEL).expect("the level is valid");
    let mut compressor = Compressor::new(level);
    loop {
        let next = work.lock().unwrap_or_else(std::sync::PoisonError::into_inner).recv();
        let Ok((piece, sender)) = next else { return };
        let mut member = vec![0; compressor.gzip_compress_bound(piece.len())];
        let length = compressor.gzip_compress(&piece, &mut member).expect("there is room for everything");
        member.truncate(length);
        // Nobody waits for it when the output failed.
        let _ = sender.send(member);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn gzipped(input: &[u8], threads: usize) -> Vec<u8> {
        let mut output = Vec::new();
        gzip::<io::Error>(threads, &|| false, &mut output, |writer| writer.write_all(input)).unwrap();
        output
    }

    #[test]
    fn the_bytes_do_not_depend_on_the_threads_and_are_read_back() {
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 5 * PIECE + 7] {
            let input: Vec<u8> = (0..length).map(|at| (at * at / 7) as u8).collect();
            let one = gzipped(&input, 1);
            assert!(one == gzipped(&input, 4), "{length}");
            let mut found = Vec::new();
            flate2::read::MultiGzDecoder::new(one.as_slice()).read_to_end(&mut found).unwrap();
            assert!(found == input, "{length}");
        }
    }

    #[test]
    fn errors_of_either_side_end_it() {
        let produce = |writer: &mut dyn Write| {
            writer.write_all(&vec![1; 3 * PIECE])?;
            Err(io::Error::other("produced no more"))
        };
        let error = gzip(2, &|| false, &mut Vec::new(), produce).unwrap_err();
        assert_eq!(error.to_string(), "produced no more");

        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::Error::other("full"))
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let endless = |writer: &mut dyn Write| -> io::Result<()> {
            loop {
                writer.write_all(&[0; 4096])?;
            }
        };
        assert_eq!(gzip(2, &|| false, &mut Full, endless).unwrap_err().to_string(), "full");
        assert!(gzip(2, &|| true, &mut Vec::new(), endless).is_err());
    }
}
