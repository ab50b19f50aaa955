# Reads a project's Makefile.uk, and before it those of its libraries, and says what is in them: `make -f - APP_DIR=DIR [LIB_DIRS="DIR..."] [CONFIG_FILE=FILE]`.
# Lines of "PITH lib NAME DIR", "PITH set VARIABLE VALUE" and the like on standard output; all else there is the project's own.
.SUFFIXES:
MAKEFLAGS += --no-print-directory --no-builtin-rules
comma := ,
empty :=
space := $(empty) $(empty)
qstrip = $(strip $(subst ",,$(1)))
uppercase = $(shell printf %s '$(1)' | tr 'a-z-' 'A-Z_')
ifneq ($(CONFIG_FILE),)
include $(CONFIG_FILE)
endif
UK_LIBS :=
UK_LIBS-y :=
define _addlib
$(call uppercase,$(1))_BASE ?= $(_dir)
$(call uppercase,$(1))_BUILD ?= $(BUILD_DIR)/$(1)
UK_LIBS += $(1)
endef
addlib = $(eval $(call _addlib,$(strip $(1))))
addlib_s = $(if $(filter y,$(2)),$(call addlib,$(1)),$(info PITH off $(strip $(1))))
addlib_paramprefix =
# What is to be fetched, unpacked and patched; that is done between two readings. Directories for patches given to anything but `patch` mean nothing, as in Unikraft.
_sums = $(foreach kind,MD5 SHA1 SHA256 SHA512,$(addprefix $(kind)=,$(call qstrip,$($(call uppercase,$(1))_ORIGIN_$(kind)))))
_origin = $(eval $(call uppercase,$(1))_ORIGIN = $(BUILD_DIR)/$(1)/origin)
_fetch = $(call _origin,$(1))$(info PITH fetch $(1) $(2) $(call _sums,$(1)) $(3))
fetch = $(call _fetch,$(strip $(1)),$(notdir $(strip $(2))),$(2))
fetchas = $(call _fetch,$(strip $(1)),$(strip $(3)),$(2))
fetch2 = $(call _fetch,$(strip $(1)),$(notdir $(strip $(2))),$(2) $(3))
fetchas2 = $(call _fetch,$(strip $(1)),$(strip $(4)),$(2) $(3))
unarchive = $(call _origin,$(strip $(1)))$(info PITH unarchive $(strip $(1)) $(strip $(2)))
patch = $(info PITH patch $(strip $(1)) origin/$(strip $(3)) $(strip $(2)))
# Words for rules in Makefile.uk.
verbose_cmd = @$(3)
build_cmd = @$(4)
TOUCH := touch
MKDIR := mkdir
CP := cp -f
MV := mv -f
RM := rm -f
LN := ln -sf
SED := sed
AWK := awk
M4 := m4
TAR := tar
PATCH := patch
PYTHON := python3
.PHONY: pith-said pith-prepared
define _read
_dir := $(1)
include $(1)/Makefile.uk
endef
$(foreach dir,$(LIB_DIRS) $(APP_DIR),$(eval $(call _read,$(dir))))
pith-said: ; @:
pith-prepared: $(UK_PREPARE) $(UK_PREPARE-y) ; @:
$(if $(strip $(UK_PREPARE) $(UK_PREPARE-y)),$(info PITH prepare))
_told := SRCS OBJS CFLAGS CXXFLAGS ASFLAGS FLAGS CINCLUDES CXXINCLUDES ASINCLUDES INCLUDES LDFLAGS ALIBS
_patterns := $(_told) $(addsuffix -y,$(_told)) $(addprefix %_,$(_told)) $(addprefix %_,$(addsuffix -y,$(_told)))
$(foreach lib,$(UK_LIBS),$(info PITH lib $(lib) $($(call uppercase,$(lib))_BASE)))
$(foreach name,$(sort $(filter $(_patterns),$(.VARIABLES))),$(if $(filter file override,$(origin $(name))),$(info PITH set $(name) $($(name)))))
