//! Opens a file whose text may be packed. It is unpacked as it is read: a file of gigabytes takes no more memory than its
//! window.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use crate::file;
use crate::plan::init_files::Packing;

/// The largest window of a packed file, in bytes: `zstd -19` has 8 MiB, and this process 256 MiB in all.
const WINDOW: u64 = 64 << 20;

pub(super) fn open(path: &Path, packing: Packing) -> io::Result<Box<dyn BufRead>> {
    let file = BufReader::new(file::open(path)?);
    Ok(match packing {
        Packing::Plain => Box::new(file),
        Packing::Gzip => Box::new(BufReader::new(MultiGzDecoder::new(file))),
        Packing::Zstandard => Box::new(BufReader::new(Frames::new(file))),
    })
}

/// The frames of a zstd file, one after the other: some writers make several, and some hide notes between them.
struct Frames<R> {
    source: R,
    decoder: FrameDecoder,
    inside: bool,
}

impl<R: BufRead> Frames<R> {
    fn new(source: R) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(WINDOW);
        Self {
            source,
            decoder,
            inside: false,
        }
    }

    /// Enters the next frame; false at the end of the file.
    fn enter(&mut self) -> io::Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            match self.decoder.reset(&mut self.source) {
                Ok(()) => {
                    self.inside = true;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    io::copy(&mut self.source.by_ref().take(length.into()), &mut io::sink())?;
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(false)
    }

    /// Leaves a frame that was read to its end.
    fn leave(&mut self) -> io::Result<()> {
        self.inside = false;
        let told = self.decoder.get_checksum_from_data();
        if told.is_some() && told != self.decoder.get_calculated_checksum() {
            return Err(io::Error::other("its checksum is wrong"));
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.inside || self.enter()? {
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                self.decoder
                    .decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1))
                    .map_err(io::Error::other)?;
            }
            let read = self.decoder.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            self.leave()?;
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{Read as _, Write as _};
    use std::path::Path;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::open;
    use crate::plan::init_files::Packing::{self, Gzip, Plain, Zstandard};

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(text).unwrap();
        packed.finish().unwrap()
    }

    fn zstd(text: &[u8]) -> Vec<u8> {
        compress_to_vec(text, CompressionLevel::Fastest)
    }

    fn read(path: &Path, packing: Packing) -> Result<Vec<u8>, String> {
        let mut text = Vec::new();
        let read = open(path, packing).and_then(|mut file| file.read_to_end(&mut text));
        read.map(|_| text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_packed_text_comes_back_also_from_several_parts() {
        let long = "INSERT INTO t VALUES (1, 'ä');\n".repeat(20_000).into_bytes();
        let short = b"SELECT 1".to_vec();
        // A frame that says nothing: its magic number, its length, and a note.
        let note = b"\x50\x2a\x4d\x18\x04\0\0\0note".to_vec();
        let table = [
            (Plain, long.clone(), long.clone()),
            (Gzip, gzip(&long), long.clone()),
            (
                Gzip,
                [gzip(&long), gzip(&short)].concat(),
                [&*long, &short].concat(),
            ),
            (Zstandard, zstd(&long), long.clone()),
            (
                Zstandard,
                [note.clone(), zstd(&long), note, zstd(b""), zstd(&short)].concat(),
                [&*long, &short].concat(),
            ),
            (Zstandard, Vec::new(), Vec::new()),
        ];
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        for (packing, content, text) in table {
            fs::write(&path, &content).unwrap();
            assert!(
                read(&path, packing) == Ok(text),
                "{packing:?} {} bytes",
                content.len()
            );
        }
    }

    #[test]
    fn a_file_that_is_cut_off_changed_or_not_packed_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let text = "SELECT 1;\n".repeat(1000).into_bytes();
        for (packing, packed) in [(Gzip, gzip(&text)), (Zstandard, zstd(&text))] {
            let cut = &packed[..packed.len() - 1];
            let mut changed = packed.clone();
            // In the checksum of both.
            let place = changed.len() - if packing == Gzip { 8 } else { 1 };
            changed[place] ^= 1;
            for content in [cut, &changed, &text] {
                fs::write(&path, content).unwrap();
                assert!(
                    read(&path, packing).is_err(),
                    "{packing:?} {} bytes",
                    content.len()
                );
            }
        }
    }
}
