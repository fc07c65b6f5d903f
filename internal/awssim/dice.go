package awssim

// dice draws the chances of one call. It holds no state: the same seed and the
// same words give the same draw.
type dice uint64

// The parameters of FNV-1a, 64 bit, as in RFC 9923.
const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

// roll makes the dice of a seed and a list of words. Words are kept apart, so
// that "ab","c" and "a","bc" differ.
func roll(seed uint64, words ...string) dice {
	return dice(fnvOffset ^ seed*fnvPrime).with(words...)
}

func (d dice) with(words ...string) dice {
	h := uint64(d)
	for _, w := range words {
		for i := range len(w) {
			h = (h ^ uint64(w[i])) * fnvPrime
		}
		h = (h ^ 0xff) * fnvPrime
	}
	return dice(h)
}

func (d dice) nth(n uint32) dice {
	return dice((uint64(d) ^ uint64(n)) * fnvPrime)
}

// sum is the well mixed number of the dice: FNV alone leaves neighbours alike in
// their high bits. The finaliser is that of SplitMix64.
func (d dice) sum() uint64 {
	z := uint64(d) + 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// share is a draw from 0 up to 1 for one question about the call.
func (d dice) share(question string) float64 {
	return float64(d.with(question).sum()>>11) / (1 << 53)
}

// falls says whether a thing of this chance happens.
func (d dice) falls(question string, chance float64) bool {
	return chance > 0 && d.share(question) < chance
}
