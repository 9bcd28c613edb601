# Two regions that may stand in for each other, and a third place for the witness. People's data must not leave the
# area of law that they were promised, and one flood must not take both.

variable "primary" {
  type        = object({ name = string, area = string, place = string, zones = list(string) })
  description = "The region that serves. area is where people's data has to stay, such as eu; place is the city or grid that fails as one."
}

variable "standby" {
  type        = object({ name = string, area = string, place = string, zones = list(string) })
  description = "The region that takes over."

  validation {
    condition     = length(distinct(var.standby.zones)) >= 3
    error_message = "A region has at least three zones (the standby)."
  }
}

variable "witness" {
  type        = object({ name = string, area = string, place = string })
  description = "Where the third voice is that decides who serves; it has no copy of anything."
}

locals {
  names  = [var.primary.name, var.standby.name, var.witness.name]
  places = [var.primary.place, var.standby.place, var.witness.place]
}

# What is true of several variables together is checked where their values meet.
resource "terraform_data" "pair" {
  input = { primary = var.primary.name, standby = var.standby.name, witness = var.witness.name }

  lifecycle {
    precondition {
      condition     = length(distinct(var.primary.zones)) >= 3
      error_message = "A region has at least three zones (the primary)."
    }
    precondition {
      condition     = length(distinct(local.names)) == 3
      error_message = "Primary, standby and witness are three regions."
    }
    precondition {
      condition     = length(distinct(local.places)) == 3
      error_message = "Primary, standby and witness are in three places: what takes one of them must not take another."
    }
    precondition {
      condition     = var.primary.area == var.standby.area
      error_message = "The standby has everybody's data and must be in the same area of law."
    }
  }
}

output "regions" {
  description = "Both regions by their part, with the first three zones of each."
  value = {
    primary = { name = var.primary.name, zones = slice(sort(distinct(var.primary.zones)), 0, 3) }
    standby = { name = var.standby.name, zones = slice(sort(distinct(var.standby.zones)), 0, 3) }
  }
  depends_on = [terraform_data.pair]
}

output "replication" {
  description = "Which region's objects go where. Both ways: after a failover the other one serves."
  value       = { (var.primary.name) = var.standby.name, (var.standby.name) = var.primary.name }
}
