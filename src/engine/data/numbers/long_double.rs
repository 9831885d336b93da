//! The float of INCRBYFLOAT and HINCRBYFLOAT.
//!
//! Redis computes these in C's `long double`, which on x86-64 has a mantissa of 64 bits, and replies with 17 digits after the
//! point: a double could not give the same digits. This is that type in integers: reading, adding and wording, each rounded
//! once, to the nearest and a tie to the even.

use std::cmp::Ordering;

/// The exponent of the lowest bit of the smallest number.
const MINIMUM_EXPONENT: i32 = -16445;
/// The exponent of the lowest bit of the largest number.
const MAXIMUM_EXPONENT: i32 = 16320;
/// A text of so many bytes is no number.
const MAXIMUM_TEXT_LENGTH: usize = 5 * 1024;
/// Digits after the point in a worded number.
const FRACTION_DIGITS: usize = 17;
const FRACTION_SCALE: u128 = 10u128.pow(FRACTION_DIGITS as u32);

/// A float with a mantissa of 64 bits: `mantissa * 2^exponent`, or infinite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LongDouble {
    negative: bool,
    /// None if infinite.
    magnitude: Option<Magnitude>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Magnitude {
    /// With its highest bit set, except of 0 and of the smallest numbers.
    mantissa: u64,
    exponent: i32,
}

impl LongDouble {
    /// Reads a number as C's `strtold` does, but the whole text and no space; not NaN, nor what is too large or so small
    /// that it would become 0.
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.len() >= MAXIMUM_TEXT_LENGTH {
            return None;
        }
        let (unsigned, negative) = super::split_sign(text);
        let value = match unsigned {
            [b'0', b'x' | b'X', digits @ ..] => parse_hexadecimal(digits)?,
            word if word.eq_ignore_ascii_case(b"inf") || word.eq_ignore_ascii_case(b"infinity") => {
                Self { negative, magnitude: None }
            }
            decimal => parse_decimal(decimal)?,
        };
        Some(Self { negative, ..value })
    }

    /// The sum; none if it is not finite.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let (left, right) = (self.magnitude?, other.magnitude?);
        if left.mantissa == 0 || right.mantissa == 0 {
            return Some(if left.mantissa == 0 { other } else { self });
        }
        if left.exponent < right.exponent {
            return other.checked_add(self);
        }
        // 62 bits to spare below the one with the larger exponent, and two above it for a carry.
        let high = u128::from(left.mantissa) << 62;
        let (low, lost) = shift_right(u128::from(right.mantissa) << 62, (left.exponent - right.exponent) as u32);
        let exponent = left.exponent - 62;
        if self.negative == other.negative {
            return round(high + low, exponent, lost, self.negative);
        }
        match high.cmp(&low) {
            // What was lost of the subtrahend makes the difference less.
            Ordering::Greater => round(high - low - u128::from(lost), exponent, lost, self.negative),
            Ordering::Less => round(low - high, exponent, lost, other.negative),
            Ordering::Equal => Some(Self::from(0)),
        }
    }

    /// Whether it is not infinite.
    pub fn is_finite(self) -> bool {
        self.magnitude.is_some()
    }

    /// The nearest double.
    pub fn to_f64(self) -> f64 {
        let value = self.magnitude.map_or(f64::INFINITY, |magnitude| {
            // In two steps, as either alone may leave a double's range.
            let half = magnitude.exponent / 2;
            magnitude.mantissa as f64 * 2f64.powi(half) * 2f64.powi(magnitude.exponent - half)
        });
        if self.negative { -value } else { value }
    }

    /// Appends the text as INCRBYFLOAT replies with it: no powers of ten, at most 17 digits after the point, no trailing
    /// zeroes, no `-0`.
    pub fn append_to(self, out: &mut Vec<u8>) {
        let begin = out.len();
        if self.negative {
            out.push(b'-');
        }
        match self.magnitude {
            None => out.extend_from_slice(b"inf"),
            Some(magnitude) => magnitude.append_to(out),
        }
        if out.get(begin..) == Some(b"-0") {
            out.remove(begin);
        }
    }
}

impl From<i64> for LongDouble {
    fn from(value: i64) -> Self {
        let mantissa = value.unsigned_abs();
        let shift = mantissa.leading_zeros() & 63;
        Self {
            negative: value < 0,
            magnitude: Some(Magnitude { mantissa: mantissa << shift, exponent: -(shift as i32) }),
        }
    }
}

impl std::fmt::Display for LongDouble {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = Vec::new();
        self.append_to(&mut out);
        formatter.write_str(&String::from_utf8_lossy(&out))
    }
}

impl Magnitude {
    fn append_to(self, out: &mut Vec<u8>) {
        if self.exponent >= 0 {
            let mut whole = Big::from(u128::from(self.mantissa));
            whole.shift_left(self.exponent as usize);
            whole.append_decimal(out);
            return;
        }
        let scaled = u128::from(self.mantissa) * FRACTION_SCALE;
        let shift = self.exponent.unsigned_abs();
        let (doubled, lost) = shift_right(scaled, shift - 1);
        let up = doubled & 1 == 1 && (lost || doubled & 2 == 2);
        let rounded = (doubled >> 1) + u128::from(up);
        out.extend_from_slice(itoa::Buffer::new().format(rounded / FRACTION_SCALE).as_bytes());
        let fraction = format!("{:017}", rounded % FRACTION_SCALE);
        let fraction = fraction.trim_end_matches('0');
        if !fraction.is_empty() {
            out.push(b'.');
            out.extend_from_slice(fraction.as_bytes());
        }
    }
}

/// Shifts, and tells whether a set bit was lost.
fn shift_right(value: u128, shift: u32) -> (u128, bool) {
    match value.checked_shr(shift) {
        Some(shifted) => (shifted, shifted << shift != value),
        None => (0, value != 0),
    }
}

/// The number nearest to `value * 2^exponent`, plus a little less than one unit of it if `more`; none if it is too large.
fn round(value: u128, exponent: i32, more: bool, negative: bool) -> Option<LongDouble> {
    let excess = 64 - value.leading_zeros() as i32;
    let shift = excess.max(MINIMUM_EXPONENT - exponent);
    if shift <= 0 {
        // Exact: it has no more than 64 bits, and nothing beyond them, as what loses bits has bits to spare.
        let mantissa = (value << shift.unsigned_abs().min(127)) as u64;
        return finish(mantissa, if value == 0 { 0 } else { exponent + shift }, negative);
    }
    let (doubled, lost) = shift_right(value, shift as u32 - 1);
    let up = doubled & 1 == 1 && (lost || more || doubled & 2 == 2);
    let rounded = (doubled >> 1) + u128::from(up);
    match u64::try_from(rounded) {
        Ok(mantissa) => finish(mantissa, exponent + shift, negative),
        Err(_) => finish(1 << 63, exponent + shift + 1, negative),
    }
}

fn finish(mantissa: u64, exponent: i32, negative: bool) -> Option<LongDouble> {
    (exponent <= MAXIMUM_EXPONENT).then_some(LongDouble { negative, magnitude: Some(Magnitude { mantissa, exponent }) })
}

/// Reads digits with at most one point, and tells how many came after it and how many bytes all took.
fn split_digits(text: &[u8], is_digit: impl Fn(&u8) -> bool) -> Option<(Vec<u8>, i32, &[u8])> {
    let whole = text.iter().take_while(|byte| is_digit(byte)).count();
    let (before, mut rest) = text.split_at(whole);
    let mut digits = before.to_vec();
    if let [b'.', after @ ..] = rest {
        let fraction = after.iter().take_while(|byte| is_digit(byte)).count();
        digits.extend_from_slice(&after[..fraction]);
        rest = &after[fraction..];
    }
    let fraction = (digits.len() - whole) as i32;
    (!digits.is_empty()).then_some((digits, fraction, rest))
}

/// The number after an exponent's letter, if there is one; cut to a hundred thousand, which is far beyond any range.
fn parse_exponent(text: &[u8], letter: u8) -> Option<i32> {
    let [first, rest @ ..] = text else { return Some(0) };
    if !first.eq_ignore_ascii_case(&letter) {
        return None;
    }
    let (digits, negative) = super::split_sign(rest);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits.iter().fold(0, |value: i32, digit| (value * 10 + i32::from(digit - b'0')).min(100_000));
    Some(if negative { -value } else { value })
}

fn parse_decimal(text: &[u8]) -> Option<LongDouble> {
    let (digits, fraction, rest) = split_digits(text, u8::is_ascii_digit)?;
    let exponent = parse_exponent(rest, b'e')? - fraction;
    let digits = &digits[digits.iter().take_while(|digit| **digit == b'0').count()..];
    if digits.is_empty() {
        return Some(LongDouble::from(0));
    }
    let size = digits.len() as i32 + exponent;
    if !(-5000..=5000).contains(&size) {
        return None;
    }
    let (mut numerator, mut denominator) = (Big::from_decimal(digits), Big::from(1));
    let scaled = if exponent < 0 { &mut denominator } else { &mut numerator };
    scaled.multiply_by_power_of_ten(exponent.unsigned_abs() as usize);
    divide(numerator, denominator).filter(|value| value.magnitude.is_some_and(|magnitude| magnitude.mantissa != 0))
}

/// Reads what follows `0x`: hexadecimal digits, perhaps with a point, and perhaps `p` and a power of two.
pub(super) fn parse_hexadecimal(text: &[u8]) -> Option<LongDouble> {
    let (digits, fraction, rest) = split_digits(text, u8::is_ascii_hexdigit)?;
    let mut exponent = parse_exponent(rest, b'p')? - 4 * fraction;
    let (mut value, mut more) = (0u128, false);
    for digit in digits {
        let digit = char::from(digit).to_digit(16)?;
        if value >> 120 == 0 {
            value = value << 4 | u128::from(digit);
        } else {
            exponent += 4;
            more |= digit != 0;
        }
    }
    let rounded = round(value, exponent, more, false)?;
    let vanished = value != 0 && rounded.magnitude.is_none_or(|magnitude| magnitude.mantissa == 0);
    (!vanished).then_some(rounded)
}

/// The quotient of two numbers that are not 0, bit by bit.
fn divide(mut numerator: Big, mut denominator: Big) -> Option<LongDouble> {
    // So that the quotient has 66 or 67 bits: at least two to decide the rounding by, beside what remains.
    let exponent = numerator.bits() as i32 - denominator.bits() as i32 - 66;
    let scaled = if exponent < 0 { &mut numerator } else { &mut denominator };
    scaled.shift_left(exponent.unsigned_abs() as usize);
    denominator.shift_left(66);
    let mut quotient = 0u128;
    for _ in 0..67 {
        quotient <<= 1;
        if numerator.compare(&denominator) != Ordering::Less {
            numerator.subtract(&denominator);
            quotient |= 1;
        }
        numerator.shift_left(1);
    }
    round(quotient, exponent, !numerator.is_zero(), false)
}

/// A natural number of any size: limbs of 32 bits, lowest first, no zero at the end.
struct Big(Vec<u32>);

impl Big {
    fn from(value: u128) -> Self {
        let mut big = Self((0..4).map(|limb| (value >> (32 * limb)) as u32).collect());
        big.trim();
        big
    }

    fn from_decimal(digits: &[u8]) -> Self {
        let mut big = Self(Vec::with_capacity(digits.len() / 9 + 1));
        for chunk in digits.chunks(9) {
            let value = chunk.iter().fold(0, |value, digit| value * 10 + u32::from(digit - b'0'));
            big.multiply_and_add(10u32.pow(chunk.len() as u32), value);
        }
        big
    }

    fn multiply_by_power_of_ten(&mut self, power: usize) {
        for _ in 0..power / 9 {
            self.multiply_and_add(1_000_000_000, 0);
        }
        self.multiply_and_add(10u32.pow((power % 9) as u32), 0);
    }

    fn multiply_and_add(&mut self, factor: u32, addend: u32) {
        let mut carry = u64::from(addend);
        for limb in &mut self.0 {
            let product = u64::from(*limb) * u64::from(factor) + carry;
            *limb = product as u32;
            carry = product >> 32;
        }
        if carry != 0 {
            self.0.push(carry as u32);
        }
    }

    fn shift_left(&mut self, bits: usize) {
        let bit = bits % 32;
        if bit != 0 {
            self.multiply_and_add(1 << bit, 0);
        }
        if !self.0.is_empty() && bits >= 32 {
            self.0.splice(0..0, std::iter::repeat_n(0, bits / 32));
        }
    }

    fn bits(&self) -> usize {
        self.0.last().map_or(0, |limb| self.0.len() * 32 - limb.leading_zeros() as usize)
    }

    fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    fn compare(&self, other: &Self) -> Ordering {
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }

    /// Takes away a number that is not larger.
    fn subtract(&mut self, other: &Self) {
        let mut borrow = false;
        let others = other.0.iter().copied().chain(std::iter::repeat(0));
        for (limb, other) in self.0.iter_mut().zip(others) {
            let (difference, first) = limb.overflowing_sub(other);
            let (difference, second) = difference.overflowing_sub(u32::from(borrow));
            *limb = difference;
            borrow = first || second;
        }
        self.trim();
    }

    fn trim(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    fn append_decimal(mut self, out: &mut Vec<u8>) {
        let mut parts = Vec::new();
        while !self.is_zero() {
            let mut remainder = 0u64;
            for limb in self.0.iter_mut().rev() {
                let value = remainder << 32 | u64::from(*limb);
                *limb = (value / 1_000_000_000) as u32;
                remainder = value % 1_000_000_000;
            }
            parts.push(remainder);
            self.trim();
        }
        let mut text: String = parts.iter().rev().map(|part| format!("{part:09}")).collect();
        text.drain(..text.len() - text.trim_start_matches('0').len());
        out.extend_from_slice(if text.is_empty() { b"0" } else { text.as_bytes() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(left: &str, right: &str) -> Option<String> {
        let (left, right) = (LongDouble::parse(left.as_bytes())?, LongDouble::parse(right.as_bytes())?);
        left.checked_add(right).map(|sum| sum.to_string())
    }

    #[test]
    fn adds_as_redis_replies() {
        // Each as redis-server 7.0.15 on x86-64 answers INCRBYFLOAT.
        for (left, right, expected) in SUMS {
            assert_eq!(sum(left, right).as_deref(), Some(*expected), "{left} + {right}");
            assert_eq!(sum(right, left).as_deref(), Some(*expected), "{right} + {left}");
        }
    }

    #[test]
    fn reads_what_is_a_number_only() {
        let no_numbers =
            ["", "-", ".", "e5", "1e", "1e+", " 1", "1 ", "nan", "1.2.3", "1e5000", "1e-5000", "0x", "0x1p", "1a"];
        for text in no_numbers {
            assert_eq!(LongDouble::parse(text.as_bytes()), None, "{text}");
        }
        let infinite = LongDouble::parse(b"-InFinity").unwrap();
        assert!(!infinite.is_finite());
        assert_eq!(infinite.to_string(), "-inf");
        assert_eq!(LongDouble::parse(b"0e9999999999"), Some(LongDouble::from(0)));
        assert_eq!(LongDouble::parse("1".repeat(6000).as_bytes()), None);
        assert_eq!(sum("inf", "1"), None);
        assert_eq!(sum("1e4931", "1e4931").as_deref().map(str::len), Some(4932));
        assert_eq!(sum("1.1e4932", "1.1e4932"), None, "too large");
    }

    #[test]
    fn integers_are_exact() {
        for value in [0, 1, -1, 3, i64::MAX, i64::MIN, 1 << 53, -(1 << 53) - 1] {
            assert_eq!(LongDouble::from(value).to_string(), value.to_string());
            assert_eq!(LongDouble::parse(value.to_string().as_bytes()), Some(LongDouble::from(value)));
            assert_eq!(LongDouble::from(value).to_f64(), value as f64);
        }
    }

    #[test]
    fn doubles_are_exact() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..2000 {
            let value = f64::from_bits(random.u64(..));
            if value.is_finite() && value.abs() > 1e-200 {
                assert_eq!(LongDouble::parse(format!("{value:e}").as_bytes()).map(LongDouble::to_f64), Some(value));
            }
        }
    }

    const SUMS: &[(&str, &str, &str)] = &[
        ("3", "1.1", "4.1"),
        ("1.5", "1.5", "3"),
        ("0", "-1.1", "-1.1"),
        ("1.1", "-1.1", "0"),
        ("3.0e3", "200", "3200"),
        ("5.0e3", "-5.0e3", "0"),
        ("17179869184", "1.5", "17179869185.5"),
        ("1e20", "0.1", "100000000000000000000"),
        ("0.1", "0.2", "0.3"),
        ("1", "1e-17", "1.00000000000000001"),
        ("1", "1e-18", "1"),
        ("1e-30", "1e-30", "0"),
        ("123456789012345678901234567890", "1", "123456789012345678899921813504"),
        (
            "1e300",
            "1",
            "1000000000000000000008997324079559193870523944273290747938260082321265646596180935755849152083750497190350372508614274835903592556184672983913096260520748646287327135641843653294084255107606016789726652932370030551382947620994540294772781889620606179267611627097410650567187386105690089424915104006144",
        ),
        ("9223372036854775807", "0.5", "9223372036854775807.5"),
        ("-0.5", "-1e-17", "-0.50000000000000001"),
        ("0x1.8p3", "0.25", "12.25"),
        ("1e40", "-1e40", "0"),
        ("18446744073709551615", "1", "18446744073709551616"),
        ("18446744073709551616", "1", "18446744073709551616"),
        ("18446744073709551616", "3", "18446744073709551620"),
        ("1e19", "1e-19", "10000000000000000000"),
        ("1", "-1e-25", "1"),
        ("2.5e-17", "2.5e-17", "0.00000000000000005"),
        ("9033029319", "-333627522988055049.28", "-333627513955025730.28125"),
        ("230210706.4", "-8074756496.865e17", "-807475649686499999786991616"),
        ("259336.1609518721920038", "-59655911168522531.40559948485629", "-59655911168263195.24609375"),
        ("3424767624.47", "-10038636470293621425316.28526801402040", "-10038636470290196657152"),
        ("-82861717168830", "50029823112897796464446.305056", "50029823030036079296512"),
        ("-49436533805323155850773.5", "-15088104819666671690.2653128613", "-49451621910142822522880"),
        ("-5828953110982", "-322110458005", "-6151063568987"),
        ("7", "671767092321346714", "671767092321346721"),
        ("-557096493487410847042.4057773e1", "56535320.728947212113051e-12", "-5570964934874108470272"),
        ("4", "36828784969834", "36828784969838"),
        ("-938402438209394626057.63e-20", "3052116644839103066.91466502630", "3052116644839103057.5"),
        ("-94356850414835304.363494477", "-40421567586522176481e-15", "-94356850414875725.9375"),
        ("-472032396361731285883001", "-6484", "-472032396361731285876736"),
        ("-904279464547512241.9482935238186172", "73862846212390190598692", "73861941932925643087872"),
        ("1520598403541827e-20", "-5220555", "-5220554.99998479401574514"),
        ("-62539255018477497", "-2128806649700675", "-64668061668178172"),
        ("-6099407009038657", "629420484690036604802.7970", "629414385283027566144"),
        ("41299750836897", "79565835163208968068.344132400622565e14", "7956583516320896806784412241887232"),
        ("-32990.730083863983e-17", "40170897377780242030.632208393264", "40170897377780242032"),
        ("3160684838847.50054633736", "15306627765255110899", "15306630925939949747"),
        ("-2213358005383857037137.683206", "-90534425459786643860182", "-92747783465170500894720"),
        ("757746816397696831402911.65123339258514158e7", "-6177411101e9", "7577468163970790903117917454336"),
        ("-6837377765816", "-773e15", "-773006837377765816"),
        ("31240", "-9933489431045754639", "-9933489431045723399"),
        ("40.124", "501652844266463629002630", "501652844266463629017088"),
        ("188332999379495988965885e-6", "2874054824570.552801741", "188335873434320559.515625"),
        ("-52270884429", "-11248", "-52270895677"),
        ("3334378671361068.823821956719459", "7780.913311259931", "3334378671368849.737060546875"),
        ("621669434.8807993199315976873", "-626.66688353144", "621668808.21391578851034865"),
        ("9829442908426725", "-94776144671546603605", "-94766315228638176880"),
        ("-17956792302427421308", "986372215819173396651004.7979646960", "986354259026870969237504"),
        ("-1151489214132632.73344331290525528", "48633686022318862666872e5", "4863368602230734777359532032"),
        ("-59450541064", "6.653803349", "-59450541057.34619665145874023"),
        ("-957", "-2153921659358709436221", "-2153921659358709437056"),
        ("13737838770064573.5178", "3394082104238141814358", "3394095842076911878912"),
        ("-888614244423679617419", "-15744182851181663942326.2311894e5", "-1574419173732410817849065472"),
        ("-817890619716", "-39819253", "-817930438969"),
        ("-779689354058", "0.3131", "-779689354057.68690001964569092"),
        ("-39.2453129562513e14", "-489651403654e22", "-4896514036540000003948217179832320"),
        ("5415", "47963236470894188246.0", "47963236470894193664"),
        ("20918137589668331405.5297896761", "816931185569671146684790.297460829287758316", "816952103707260815015936"),
        ("947343474177.8293193", "150220", "947343624397.8293192982673645"),
        ("22553073322342141112859e-7", "-7926952.4898181416", "2255307324307261.62158203125"),
        ("-10383067805751136", "-3287795", "-10383067809038931"),
        ("6550060654.94", "79160987587872444", "79160994137933098.9375"),
        ("-13634.74026176511142085", "2180231182713190039", "2180231182713176404.25"),
        ("-6841288242.68779e9", "10038841408070429048.3576473615753468000e12", "10038841408063587759987269566464"),
        ("-318802.331633", "-41857071042504457062", "-41857071042504775868"),
        ("462698", "8e-2", "462698.08000000000001251"),
        ("-84899709.824354327139537", "-12.58091e-25", "-84899709.8243543271382805"),
        ("78490717456669.50192348", "5.833638712963", "78490717456675.33556365966796875"),
        ("-631088934014e-20", "-13273523531053088e4", "-132735235310530880000"),
        ("-56480184535605.8249852571", "-81042714573354.969236", "-137522899108960.794219970703125"),
        (
            "-599577967250180892e24",
            "63358921276190510.17440428391562e-25",
            "-599577967250180892014798375103070872797184",
        ),
        ("-5052594155415589.2367135", "-558242445822574760.64241e22", "-5582424458225747606544867783385081184256"),
        ("-92820858297449841105", "772746029298428", "-92820085551420542672"),
        ("-41333", "56", "-41277"),
        ("205802", "-35858741291", "-35858535489"),
        ("-942e24", "4161920.62", "-942000000000000000033554432"),
        ("95090.825074830471847e7", "151315.21e9", "152266118250748.304718017578125"),
    ];
}
