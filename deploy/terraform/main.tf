# What MeAi needs in two regions, worked out without any provider: a stack for a cloud takes its sizes, zones and addresses
# from here. docs/terraform.md says how.

variable "phase" {
  type    = string
  default = "initial"
}

variable "primary" {
  type = object({ name = string, area = string, place = string, zones = list(string) })
}

variable "standby" {
  type = object({ name = string, area = string, place = string, zones = list(string) })
}

variable "witness" {
  type = object({ name = string, area = string, place = string })
}

variable "block" {
  type    = string
  default = "10.0.0.0/8"
}

variable "object_lock_days" {
  type        = number
  default     = 30
  description = "For how long backups cannot be deleted by anybody. The requirements keep them 30 days."

  validation {
    condition     = var.object_lock_days >= 30 && floor(var.object_lock_days) == var.object_lock_days
    error_message = "Backups are kept for at least 30 days, of whole ones."
  }
}

module "regions" {
  source  = "./modules/regions"
  primary = var.primary
  standby = var.standby
  witness = var.witness
}

module "sizes" {
  for_each  = { primary = false, standby = true }
  source    = "./modules/sizing"
  phase     = var.phase
  stands_by = each.value
}

module "addresses" {
  source  = "./modules/addresses"
  block   = var.block
  regions = { for part, region in module.regions.regions : region.name => region.zones }
}

output "inventory" {
  description = "By region: zones, node pools, networks, and buckets with where they are copied to."
  value = {
    for part, region in module.regions.regions : region.name => {
      part       = part
      zones      = region.zones
      node_pools = module.sizes[part].node_pools
      totals     = module.sizes[part].totals
      network    = module.addresses.networks[region.name]
      subnets    = module.addresses.subnets[region.name]
      buckets = {
        for name in ["backups", "archives", "exports", "ledger", "keyring"] : name => {
          # Keys are copied by the keyring itself, which knows of tombstones; a bucket's copy would bring keys back.
          replicated_to = name == "keyring" ? null : module.regions.replication[region.name]
          locked_days   = name == "backups" ? var.object_lock_days : 0
        }
      }
    }
  }
}
