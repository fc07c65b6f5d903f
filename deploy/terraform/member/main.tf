# What an account has for eventinvoke in one region: the rule that forwards Lambda calls
# to the worker's region, and where make_role is set the role that the worker assumes.
# Use it once for each region of each account, and set make_role in one region of each.

data "aws_caller_identity" "here" {}
data "aws_partition" "here" {}
data "aws_region" "here" {}

locals {
  functions = "arn:${data.aws_partition.here.partition}:lambda:*:${data.aws_caller_identity.here.account_id}:function:*"
  here      = "arn:${data.aws_partition.here.partition}:events:${data.aws_region.here.name}:${data.aws_caller_identity.here.account_id}:event-bus/default"
  forwards  = var.home == local.here ? 0 : 1
}

resource "aws_iam_role" "member" {
  count = var.make_role ? 1 : 0
  name  = var.role_name
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [merge(
      { Effect = "Allow", Principal = { AWS = var.worker }, Action = "sts:AssumeRole" },
      var.external_id == null ? {} : { Condition = { StringEquals = { "sts:ExternalId" = var.external_id } } },
    )]
  })
}

resource "aws_iam_role_policy" "member" {
  count = var.make_role ? 1 : 0
  name  = "fleet"
  role  = aws_iam_role.member[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      { Effect = "Allow", Action = ["lambda:ListFunctions", "tag:GetResources"], Resource = "*" },
      { Effect = "Allow", Action = ["lambda:ListFunctionEventInvokeConfigs", "lambda:ListAliases", "lambda:ListVersionsByFunction"], Resource = local.functions },
      ], var.apply ? [
      { Effect = "Allow", Action = ["lambda:PutFunctionEventInvokeConfig", "lambda:UpdateFunctionEventInvokeConfig", "lambda:DeleteFunctionEventInvokeConfig"], Resource = local.functions },
    ] : [])
  })
}

resource "aws_cloudwatch_event_rule" "changes" {
  count       = local.forwards
  name        = "${var.name}-changes"
  description = "Lambda calls after which a record may have drifted"
  event_pattern = jsonencode({
    source      = ["aws.lambda"]
    detail-type = ["AWS API Call via CloudTrail"]
    detail = {
      eventSource = ["lambda.amazonaws.com"]
      eventName = [
        { prefix = "PutFunctionEventInvokeConfig" },
        { prefix = "UpdateFunctionEventInvokeConfig" },
        { prefix = "DeleteFunctionEventInvokeConfig" },
        "CreateFunction",
        { prefix = "CreateFunction2" },
        "DeleteFunction",
        { prefix = "DeleteFunction2" },
        { prefix = "PublishVersion" },
        { prefix = "CreateAlias" },
        { prefix = "UpdateAlias" },
        { prefix = "DeleteAlias" },
        { prefix = "TagResource" },
        { prefix = "UntagResource" },
      ]
    }
  })
}

resource "aws_cloudwatch_event_target" "home" {
  count    = local.forwards
  rule     = aws_cloudwatch_event_rule.changes[0].name
  arn      = var.home
  role_arn = aws_iam_role.forward[0].arn
  dead_letter_config {
    arn = aws_sqs_queue.dead_letters[0].arn
  }
}

resource "aws_iam_role" "forward" {
  count       = local.forwards
  name_prefix = "${var.name}-forward-"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow", Principal = { Service = "events.amazonaws.com" }, Action = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.here.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "forward" {
  count = local.forwards
  name  = "forward"
  role  = aws_iam_role.forward[0].id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "events:PutEvents", Resource = var.home }]
  })
}

# What cannot be forwarded: the bus is gone, or does not let this account in.
resource "aws_sqs_queue" "dead_letters" {
  count                     = local.forwards
  name                      = "${var.name}-dead-letters"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
}

resource "aws_sqs_queue_policy" "dead_letters" {
  count     = local.forwards
  queue_url = aws_sqs_queue.dead_letters[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow", Principal = { Service = "events.amazonaws.com" }, Action = "sqs:SendMessage"
      Resource  = aws_sqs_queue.dead_letters[0].arn
      Condition = { ArnEquals = { "aws:SourceArn" = aws_cloudwatch_event_rule.changes[0].arn } }
    }]
  })
}

resource "aws_cloudwatch_metric_alarm" "not_forwarded" {
  count               = local.forwards
  alarm_name          = "${var.name}-not-forwarded"
  alarm_description   = "An event could not be forwarded to eventinvoke. Its attributes say why. The next sweep finds what it told of."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.dead_letters[0].name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  alarm_actions       = var.alarm_actions
}
