terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0, < 7.0"
    }
  }
}

variable "home" {
  description = "ARN of the event bus in the region where the worker runs: output EventBus of deploy/lambda/template.yaml."
  type        = string
}

variable "make_role" {
  description = "Whether the role is made here: in one region of each account."
  type        = bool
  default     = false
}

variable "worker" {
  description = "ARN of the role of the worker, which may assume the role here. Needed with make_role."
  type        = string
  default     = null
}

variable "external_id" {
  description = "What the fleet file has as external_id; null for none."
  type        = string
  default     = null
}

variable "role_name" {
  type    = string
  default = "eventinvoke-fleet"
}

variable "apply" {
  description = "Whether the role may write."
  type        = bool
  default     = false
}

variable "name" {
  description = "What the names of rule, queue and alarm begin with."
  type        = string
  default     = "eventinvoke"
}

variable "alarm_actions" {
  description = "ARNs of what is told of events that could not be forwarded, such as an SNS topic."
  type        = list(string)
  default     = []
}

output "member_role" {
  description = "role_arn of the targets in this account, in the fleet file; null where the role is not made."
  value       = one(aws_iam_role.member[*].arn)
}
