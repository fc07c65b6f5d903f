package ratelimit

import "time"

// budgetSlots is how finely the budget's window slides.
const budgetSlots = 12

// budget bounds the attempts that follow a fault, so that a server which fails
// often is not given more to fail at. It is a value: time comes in as arguments.
type budget struct {
	share float64
	floor int
	slot  time.Duration
	slots [budgetSlots]struct {
		number   int64 // which slot of all time
		attempts int
		retries  int
	}
}

func newBudget(p Policy) budget {
	return budget{share: p.BudgetShare, floor: p.BudgetFloor, slot: max(1, p.BudgetWindow/budgetSlots)}
}

// attempt notes an attempt at the given time of the run.
func (b *budget) attempt(at time.Duration, retry bool) {
	number := int64(at / b.slot)
	s := &b.slots[number%budgetSlots]
	if s.number != number {
		*s = struct {
			number   int64
			attempts int
			retries  int
		}{number: number}
	}
	s.attempts++
	if retry {
		s.retries++
	}
}

// allows reports whether one more attempt may follow a fault.
func (b *budget) allows(at time.Duration) bool {
	number := int64(at / b.slot)
	attempts, retries := 0, 0
	for _, s := range b.slots {
		if number-s.number < budgetSlots {
			attempts += s.attempts
			retries += s.retries
		}
	}
	return float64(retries) < float64(b.floor)+b.share*float64(attempts)
}
