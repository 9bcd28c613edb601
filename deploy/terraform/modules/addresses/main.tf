# Private networks that do not overlap: one for each region, in it one for each tier and zone.

variable "block" {
  type        = string
  default     = "10.0.0.0/8"
  description = "The private block for all regions, in CIDR notation, of 2^18 addresses at least."

  validation {
    condition     = can(cidrhost(var.block, 0)) && try(tonumber(split("/", var.block)[1]), 99) <= 14
    error_message = "The block is in CIDR notation and no smaller than a /14."
  }
  validation {
    condition     = anytrue([for private in ["^10\\.", "^192\\.168\\.", "^172\\.(1[6-9]|2[0-9]|3[01])\\."] : can(regex(private, var.block))])
    error_message = "The block is a private one (RFC 1918)."
  }
}

variable "regions" {
  type        = map(list(string))
  description = "Zones by region."

  validation {
    condition     = length(var.regions) >= 1 && length(var.regions) <= 4 && alltrue([for zones in values(var.regions) : length(zones) >= 1 && length(zones) <= 4])
    error_message = "One to four regions of one to four zones."
  }
}

locals {
  tiers   = ["edge", "application", "processing", "data"]
  names   = sort(keys(var.regions))
  prefix  = tonumber(split("/", var.block)[1])
  network = { for i, name in local.names : name => cidrsubnet(var.block, 16 - local.prefix, i) }
}

output "networks" {
  description = "A /16 for each region."
  value       = local.network
}

output "subnets" {
  description = "By region, tier and zone: a /20 each."
  value = {
    for name in local.names : name => {
      for t, tier in local.tiers : tier => {
        for z, zone in sort(var.regions[name]) : zone => cidrsubnet(local.network[name], 4, t * 4 + z)
      }
    }
  }
}
