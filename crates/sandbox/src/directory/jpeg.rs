//! The smallest JPEG writer that gives a picture: one colour per block of 8 by 8 pixels, so only
//! DC coefficients are written (ITU-T T.81, baseline, no subsampling).

/// Code lengths of T.81 table K.3, the luminance DC table.
const DC_COUNTS: [u8; 16] = [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0];
const DC_VALUES: [u8; 12] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
/// An AC table of a single code, `0`, for the end of a block.
const AC_COUNTS: [u8; 16] = [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

struct Bits {
    out: Vec<u8>,
    held: u32,
    count: u32,
}

impl Bits {
    fn put(&mut self, value: u32, length: u32) {
        self.held = self.held << length | value & ((1 << length) - 1);
        self.count += length;
        while self.count >= 8 {
            self.count -= 8;
            let byte = u8::try_from(self.held >> self.count & 0xFF).unwrap_or_default();
            self.out.push(byte);
            if byte == 0xFF {
                self.out.push(0);
            }
        }
        self.held &= (1 << self.count) - 1;
    }
}

fn dc_code(category: u32) -> (u32, u32) {
    let mut code = 0_u32;
    let mut index = 0;
    for (length, count) in (1..).zip(DC_COUNTS) {
        for _ in 0..count {
            if index == category {
                return (code, length);
            }
            code += 1;
            index += 1;
        }
        code <<= 1;
    }
    (0, 2)
}

fn segment(out: &mut Vec<u8>, marker: u8, body: &[u8]) {
    let length = u16::try_from(body.len() + 2).unwrap_or(u16::MAX);
    out.extend([0xFF, marker]);
    out.extend(length.to_be_bytes());
    out.extend(body);
}

fn ycbcr([red, green, blue]: [u8; 3]) -> [i32; 3] {
    let [red, green, blue] = [f32::from(red), f32::from(green), f32::from(blue)];
    let luma = 0.299 * red + 0.587 * green + 0.114 * blue;
    [luma - 128.0, (blue - luma) * 0.564, (red - luma) * 0.713].map(|value| value.round() as i32)
}

/// A square picture; `colour` is asked for the red, green and blue of each block's column and row.
pub(super) fn encode(size: u16, colour: impl Fn(u16, u16) -> [u8; 3]) -> Vec<u8> {
    let mut out = vec![0xFF, 0xD8];
    segment(&mut out, 0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0");
    let mut table = vec![0_u8];
    table.extend([8_u8; 64]);
    segment(&mut out, 0xDB, &table);
    let [high, low] = size.to_be_bytes();
    segment(
        &mut out,
        0xC0,
        &[
            8, high, low, high, low, 3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0,
        ],
    );
    let mut dc = vec![0x00];
    dc.extend(DC_COUNTS);
    dc.extend(DC_VALUES);
    segment(&mut out, 0xC4, &dc);
    let mut ac = vec![0x10];
    ac.extend(AC_COUNTS);
    ac.push(0);
    segment(&mut out, 0xC4, &ac);
    segment(&mut out, 0xDA, &[3, 1, 0x00, 2, 0x00, 3, 0x00, 0, 63, 0]);

    let mut bits = Bits {
        out,
        held: 0,
        count: 0,
    };
    let blocks = size.div_ceil(8);
    let mut before = [0_i32; 3];
    for row in 0..blocks {
        for column in 0..blocks {
            let now = ycbcr(colour(column, row));
            for (previous, value) in before.iter_mut().zip(now) {
                let difference = value - *previous;
                *previous = value;
                let category = 32 - difference.unsigned_abs().leading_zeros();
                let (code, length) = dc_code(category);
                bits.put(code, length);
                if category > 0 {
                    let low = if difference < 0 {
                        difference - 1
                    } else {
                        difference
                    };
                    bits.put(low.cast_unsigned(), category);
                }
                bits.put(0, 1);
            }
        }
    }
    bits.put(0x7F, 7);
    let mut out = bits.out;
    out.extend([0xFF, 0xD9]);
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn has_a_beginning_and_an_end() {
        let picture = super::encode(48, |column, _| [200, 30, column as u8 * 20]);
        assert!(picture.starts_with(&[0xFF, 0xD8, 0xFF, 0xE0]));
        assert!(picture.ends_with(&[0xFF, 0xD9]));
    }

    #[test]
    fn codes_are_those_of_table_k_3() {
        assert_eq!(super::dc_code(0), (0b00, 2));
        assert_eq!(super::dc_code(5), (0b110, 3));
        assert_eq!(super::dc_code(6), (0b1110, 4));
        assert_eq!(super::dc_code(8), (0b11_1110, 6));
    }
}
