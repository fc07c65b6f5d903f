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
	styleLower   style = iota // {"Type":"User","message":...}
	styleUpper                // {"Type":"User","Message":...}
	styleService              // {"Type":"Service","Message":...}
	styleBare                 // {"message":...}
	styleBareUp               // {"Message":...}
	styleReason               // {"Reason":"CallerRateLimitExceeded","Type":"User","message":...}
	styleNull                 // {"Message":null}
)

func invalidParameter(message string) *refusal {
	return &refusal{400, "InvalidParameterValueException", message, styleLower}
}

func notFound(message string) *refusal {
	return &refusal{404, "ResourceNotFoundException", message, styleUpper}
}

func conflict(message string) *refusal {
	return &refusal{409, "ResourceConflictException", message, styleLower}
}

func tooManyRequests() *refusal {
	return &refusal{429, "TooManyRequestsException", "Rate exceeded", styleReason}
}

func throttling() *refusal {
	return &refusal{400, "ThrottlingException", "Rate exceeded", styleBare}
}

func serviceFault() *refusal {
	return &refusal{500, "ServiceException", "An error occurred and the request cannot be processed.", styleService}
}

func invalid(message string) *refusal {
	return &refusal{400, "ValidationException", message, styleBare}
}

func unparsable(message string) *refusal {
	return &refusal{400, "SerializationException", message, styleBareUp}
}

func accessDenied(message string) *refusal {
	return &refusal{403, "AccessDeniedException", message, styleBareUp}
}

// otherAccount is the refusal of an ARN of an account that is not the caller's:
// AWS says nothing more.
func otherAccount() *refusal {
	return &refusal{403, "AccessDeniedException", "", styleNull}
}

func missingToken() *refusal {
	return &refusal{403, "MissingAuthenticationTokenException", "Missing Authentication Token", styleBare}
}

func incompleteSignature() *refusal {
	return &refusal{403, "IncompleteSignatureException", "Authorization header requires 'Credential' parameter.", styleBare}
}

func unrecognizedClient() *refusal {
	return &refusal{403, "UnrecognizedClientException", "The security token included in the request is invalid.", styleBare}
}

func expiredToken() *refusal {
	return &refusal{403, "ExpiredTokenException", "The security token included in the request is expired", styleBare}
}

// notModelled is the simulator speaking for itself.
func notModelled(what string) *refusal {
	return &refusal{404, "UnknownOperationException", "The simulator does not model " + what + ".", styleBare}
}
