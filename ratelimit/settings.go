package ratelimit

import (
	"errors"
	"fmt"
	"math"
)

const (
	// DefaultQuota is Lambda's control-plane quota in requests per second, per
	// account and region, across all operations (Service Quotas L-B2AA0F47). It
	// cannot be raised.
	DefaultQuota = 15

	// DefaultShare is how much of the quota is used at most. Below 1 the
	// server's own bucket can refill, and people find it full: at 0.9 a bucket
	// of 15 refills in 10 s. At 1.0 it never does, and half of the calls of a
	// person in the console are refused.
	DefaultShare = 0.9

	minShare = 0.1
)

// Settings say what the quota is and how much of it to use. The zero value
// means the defaults.
type Settings struct {
	// Quota is the server's limit in requests per second. 0 means DefaultQuota.
	Quota float64
	// Share is the part of Quota to use at most, 0.1 to 1.0. 0 means DefaultShare.
	Share float64
}

// Validate tells what is wrong with s, everything at once.
func (s Settings) Validate() error {
	var problems []error
	if math.IsNaN(s.Quota) || math.IsInf(s.Quota, 0) || s.Quota < 0 || (s.Quota > 0 && s.Quota < 1) {
		problems = append(problems, fmt.Errorf("quota %v requests per second: use a number of at least 1 (0 means %v)", s.Quota, DefaultQuota))
	}
	if math.IsNaN(s.Share) || s.Share > 1 || s.Share < 0 || (s.Share > 0 && s.Share < minShare) {
		problems = append(problems, fmt.Errorf("rate share %v: use %v to 1.0 (0 means %v)", s.Share, minShare, DefaultShare))
	}
	return errors.Join(problems...)
}

// withDefaults fills in what was left at zero.
func (s Settings) withDefaults() Settings {
	if s.Quota == 0 {
		s.Quota = DefaultQuota
	}
	if s.Share == 0 {
		s.Share = DefaultShare
	}
	return s
}

// ceiling is the highest rate these settings allow, in requests per second.
func (s Settings) ceiling() float64 { return s.Quota * s.Share }
