"""Two expectations of our own: about a required merge field, and about the proof that no message shows a blank.

Both look at one column of the audit's snapshot that is 1 where a message is at fault and 0 where it is not, and hold when it
sums to 0. They are registered with Great Expectations by being defined, and say in the Data Docs, in words, what was looked
at. What they observe is a number of messages, never a value.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from great_expectations.expectations.expectation import (
    ColumnAggregateExpectation,
    render_suite_parameter_string,
)
from great_expectations.render import LegacyRendererType, RenderedStringTemplateContent
from great_expectations.render.renderer.renderer import renderer
from great_expectations.render.renderer_configuration import RendererConfiguration, RendererValueType


class _NoMessageAtFault(ColumnAggregateExpectation):
    """No row of the column is 1. `campaign` has `messages` of them that it is about."""

    campaign: str
    messages: int

    metric_dependencies = ("column.sum",)
    success_keys: tuple[str, ...] = ("campaign", "messages")
    args_keys: tuple[str, ...] = ("column", "campaign", "messages")

    @classmethod
    @abstractmethod
    def in_words(cls, parameters: dict[str, Any]) -> str:
        """What it expects, of these parameters."""

    @classmethod
    def _prescriptive_template(cls, renderer_configuration: RendererConfiguration) -> RendererConfiguration:
        for name in ("campaign", "messages"):
            renderer_configuration.add_param(
                name=name, param_type=[RendererValueType.STRING, RendererValueType.NUMBER]
            )
        renderer_configuration.template_str = cls.in_words(dict(renderer_configuration.kwargs))
        return renderer_configuration

    @classmethod
    @renderer(renderer_type=LegacyRendererType.PRESCRIPTIVE)
    @render_suite_parameter_string
    def _prescriptive_renderer(
        cls,
        configuration: Any = None,
        result: Any = None,
        runtime_configuration: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> list[RenderedStringTemplateContent]:
        parameters = RendererConfiguration(
            configuration=configuration, result=result, runtime_configuration=runtime_configuration
        ).kwargs
        template: dict[str, Any] = {"template": cls.in_words(dict(parameters)), "params": {}, "styling": None}
        return [RenderedStringTemplateContent(content_block_type="string_template", string_template=template)]

    def _validate(
        self, metrics: dict[str, Any], runtime_configuration: Any = None, execution_engine: Any = None
    ) -> dict[str, Any]:
        at_fault = metrics.get("column.sum")
        # no sum is no list, and nobody looked
        return {"success": at_fault == 0, "result": {"observed_value": at_fault}}


class ExpectRecipientsToHaveMergeField(_NoMessageAtFault):
    """Everybody who gets a variant that requires a merge field has a value of it."""

    merge_field: str

    success_keys = ("campaign", "messages", "merge_field")
    args_keys = ("column", "campaign", "messages", "merge_field")

    @classmethod
    def in_words(cls, parameters: dict[str, Any]) -> str:
        """What it expects, of these parameters."""
        recipients = f"all {parameters['messages']:,} recipients of {parameters['campaign']}"
        return f"{recipients} whose variant requires {parameters['merge_field']} have {parameters['merge_field']}"


class ExpectMessagesToRenderWithoutBlanks(_NoMessageAtFault):
    """Every message looks like one that was rendered tonight and showed no blank; `patterns` is how many were."""

    patterns: int

    success_keys = ("campaign", "messages", "patterns")
    args_keys = ("column", "campaign", "messages", "patterns")

    @classmethod
    def in_words(cls, parameters: dict[str, Any]) -> str:
        """What it expects, of these parameters."""
        return (
            f"all {parameters['messages']:,} messages of {parameters['campaign']} look like one of the "
            f"{parameters['patterns']:,} that were rendered, and none shows a blank, a tag that is not filled in, an empty "
            "subject or body, or a subject that is too long"
        )
