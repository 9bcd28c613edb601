# How many instances of which size a region runs, from the requirements' tables. The tables are those that
# `meai plan` reads, so that plan and infrastructure cannot drift apart.

variable "phase" {
  type        = string
  description = "initial, or scale for what the tables foresee from the first year on."

  validation {
    condition     = contains(["initial", "scale"], var.phase)
    error_message = "The phase is initial or scale."
  }
}

variable "stands_by" {
  type        = bool
  default     = false
  description = "The region stands by: the data tier in full, one instance of everything else."
}

variable "instances" {
  type        = map(number)
  default     = {}
  description = "Numbers of instances by component that are to be others than the tables', as meai plan gives them."

  validation {
    condition     = alltrue([for name in keys(var.instances) : contains([for c in yamldecode(file("${path.module}/../../../../internal/plan/requirements.yaml")).components : c.id], name)])
    error_message = "A component that the tables do not have is named."
  }
  validation {
    condition     = alltrue([for n in values(var.instances) : n >= 1 && floor(n) == n])
    error_message = "There is at least one instance of each component, and no half ones."
  }
}

locals {
  tables     = yamldecode(file("${path.module}/../../../../internal/plan/requirements.yaml"))
  built      = { for c in local.tables.components : c.id => c if !try(c.out, false) }
  first      = var.phase == "initial" ? 0 : 1
  standing   = { for id, c in local.built : id => c.tier == "data" ? c.instances[local.first] : 1 }
  serving    = { for id, c in local.built : id => c.instances[local.first] }
  chosen     = merge(var.stands_by ? local.standing : local.serving, var.instances)
  shape_of   = { for id, c in local.built : id => "${c.tier}-${c.vcpus}x${c.memory_gb}" }
  components = { for id, c in local.built : id => { instances = local.chosen[id], most = max(c.instances[2], local.chosen[id]), vcpus = c.vcpus, memory_gb = c.memory_gb, storage_gb = try(c.storage_gb, 0), spot = try(c.spot, false) } }
}

output "components" {
  description = "Each component with its instances, the most that it may scale to, and its size."
  value       = local.components
}

output "node_pools" {
  description = "Machines of each shape; batch work runs on machines that may end at any moment."
  value = {
    for shape in distinct(values(local.shape_of)) : shape => {
      nodes     = sum([for id, s in local.shape_of : local.components[id].instances if s == shape])
      most      = sum([for id, s in local.shape_of : local.components[id].most if s == shape])
      vcpus     = one(distinct([for id, s in local.shape_of : local.components[id].vcpus if s == shape]))
      memory_gb = one(distinct([for id, s in local.shape_of : local.components[id].memory_gb if s == shape]))
      spot      = alltrue([for id, s in local.shape_of : local.components[id].spot if s == shape])
    }
  }
}

output "totals" {
  value = {
    vcpus      = sum([for c in local.components : c.vcpus * c.instances])
    memory_gb  = sum([for c in local.components : c.memory_gb * c.instances])
    storage_gb = sum([for c in local.components : c.storage_gb * c.instances])
  }
}
