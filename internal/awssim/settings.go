package awssim

import (
	"strings"
)

// checkDestinations is what AWS looks at when destinations are written. The region
// of the request is locked.
func (w *World) checkDestinations(q *request, s *regionState, n ref, set *settings) *apiError {
	onSuccess, onFailure := deref(set.success()), deref(set.failure())
	if !supported(onSuccess, false) || !supported(onFailure, true) {
		return invalidParameter("The provided destination config DestinationConfig(onSuccess=" + side("OnSuccess", onSuccess) +
			", onFailure=" + side("OnFailure", onFailure) + ") is invalid.")
	}
	for _, d := range []string{onSuccess, onFailure} {
		if apiErr := w.checkDestination(q, s, n, d); apiErr != nil {
			return apiErr
		}
	}
	return nil
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// side is how the refusal spells one side of the destinations.
func side(kind, arn string) string {
	if arn == "" {
		return "null"
	}
	return kind + "(destination=" + arn + ")"
}

// arnParts takes apart arn:partition:service:region:account:resource.
type arnParts struct{ service, region, account, resource string }

func splitARN(arn string) arnParts {
	p := strings.SplitN(arn, ":", 6)
	if len(p) < 6 || p[0] != "arn" {
		return arnParts{}
	}
	return arnParts{p[2], p[3], p[4], p[5]}
}

// supported says whether a destination is of a kind that the side takes. None is.
func supported(arn string, failure bool) bool {
	if arn == "" {
		return true
	}
	p := splitARN(arn)
	switch p.service {
	case "sqs":
		return p.resource != "" && !strings.HasSuffix(p.resource, ".fifo")
	case "sns", "lambda", "events":
		return p.resource != ""
	case "s3":
		return failure && p.resource != ""
	}
	return false
}

func (w *World) checkDestination(q *request, s *regionState, n ref, arn string) *apiError {
	p := splitARN(arn)
	switch p.service {
	case "lambda":
		return checkFunctionDestination(q, s, n, arn)
	case "events":
		bus, isBus := strings.CutPrefix(p.resource, "event-bus/")
		if !isBus || p.account != q.account.id || strings.HasPrefix(bus, "aws.partner/") {
			return badDestination(arn)
		}
	case "s3":
		bucket, _, _ := strings.Cut(p.resource, "/")
		w.mu.RLock()
		defer w.mu.RUnlock()
		if w.buckets[bucket] {
			return invalidParameter("Error occurred while ListBucket. S3 Error Code: 404 Not Found. S3 Error Message: Not Found")
		}
	}
	return nil
}

func badDestination(arn string) *apiError {
	return invalidParameter("The destination ARN " + arn + " is invalid.")
}

func checkFunctionDestination(q *request, s *regionState, n ref, arn string) *apiError {
	d, ok := parseName(arn)
	if !ok {
		return badDestination(arn)
	}
	if d.qualifier == "" {
		d.qualifier = latest
	}
	if d.account != q.account.id || d.region != q.region {
		return nil // what AWS makes of a function elsewhere was not recorded
	}
	if d.name == n.name && d.qualifier == n.qualifier {
		return invalidParameter("You can't specify the function as a destination for itself.")
	}
	if f := s.functions[d.name]; f == nil || !f.hasQualifier(d.qualifier) {
		return badDestination(arn)
	}
	return nil
}
