package awssim

// refusal is an error answer, before it is written in the way of its service.
type refusal struct {
	status  int
	code    string
	message string
	style   style
}

// style is how Lambda spells an error body. It differs by the shape of the error.
type style int

const (
	lower   style = iota // {"Type":"User","message":...}
	upper                // {"Type":"User","Message":...}
	service              // {"Type":"Service","Message":...}
	bare                 // {"message":...}
	bareUp               // {"Message":...}
	reason               // {"Reason":"CallerRateLimitExceeded","Type":"User","message":...}
	null                 // {"Message":null}
)

func (r *refusal) Error() string { return r.code + ": " + r.message }

func invalidParameter(message string) *refusal {
	return &refusal{400, "InvalidParameterValueException", message, lower}
}

func notFound(message string) *refusal {
	return &refusal{404, "ResourceNotFoundException", message, upper}
}

func conflict(message string) *refusal {
	return &refusal{409, "ResourceConflictException", message, lower}
}

func tooManyRequests() *refusal {
	return &refusal{429, "TooManyRequestsException", "Rate exceeded", reason}
}

func throttling() *refusal {
	return &refusal{400, "ThrottlingException", "Rate exceeded", bare}
}

func serviceFault() *refusal {
	return &refusal{500, "ServiceException", "An error occurred and the request cannot be processed.", service}
}

func invalid(message string) *refusal {
	return &refusal{400, "ValidationException", message, bare}
}

func unparsable(message string) *refusal {
	return &refusal{400, "SerializationException", message, bareUp}
}

func accessDenied(message string) *refusal {
	return &refusal{403, "AccessDeniedException", message, bareUp}
}

// otherAccount is the refusal of an ARN of an account that is not the caller's:
// AWS says nothing more.
func otherAccount() *refusal {
	return &refusal{403, "AccessDeniedException", "", null}
}

func missingToken() *refusal {
	return &refusal{403, "MissingAuthenticationTokenException", "Missing Authentication Token", bare}
}

func incompleteSignature() *refusal {
	return &refusal{403, "IncompleteSignatureException", "Authorization header requires 'Credential' parameter.", bare}
}

func unrecognizedClient() *refusal {
	return &refusal{403, "UnrecognizedClientException", "The security token included in the request is invalid.", bare}
}

func expiredToken() *refusal {
	return &refusal{403, "ExpiredTokenException", "The security token included in the request is expired", bare}
}

// notModelled is the simulator speaking for itself.
func notModelled(what string) *refusal {
	return &refusal{404, "UnknownOperationException", "The simulator does not model " + what + ".", bare}
}
