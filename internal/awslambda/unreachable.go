package awslambda

import (
	"errors"
	"fmt"
	"net"
	"net/url"
)

// unreachable says which host gave no answer, and why: the SDK's own text tells of
// attempts and wrappers first. It is "" for an error of another kind.
func unreachable(err error) string {
	var request *url.Error
	if !errors.As(err, &request) {
		return ""
	}
	host := request.URL
	if u, err := url.Parse(request.URL); err == nil {
		host = u.Scheme + "://" + u.Host
	}
	var name *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &name) && name.IsNotFound:
		return fmt.Sprintf("%s cannot be reached: there is no host of that name", host)
	case errors.As(err, &op) && op.Op == "dial":
		return fmt.Sprintf("%s cannot be reached: %v", host, op.Err)
	case errors.As(err, &op):
		return fmt.Sprintf("no answer from %s: %v", host, op.Err)
	}
	return fmt.Sprintf("no answer from %s: %v", host, request.Err)
}
