"""Where each concept and each paper is shown and tested: the table that test_evidence.py holds.

A row names a gallery page, one or more of the claims under its picture (as they are written in
the script, with what they fill in left in braces) and the tests that reproduce the numbers
without drawing.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Evidence:
    """Where a number is shown, and where it is tested."""

    page: str
    claims: tuple[str, ...]
    tests: tuple[str, ...]


ROWS = {
    # Concepts
    "tensors": Evidence(
        "broadcasting",
        ("difference from the sum, {len(SHAPES) ** 2} pairs of shapes",),
        ("test_concept_numbers.py::test_the_adjoint_of_broadcasting_is_a_sum",),
    ),
    "model": Evidence(
        "model",
        ("parameters of the widths 1, 2, 3, 32: 4w + 1", "wrong with 3 and with 32 units"),
        ("test_gallery_learning.py::test_a_model_of_width_w_has_4w_plus_1_parameters",),
    ),
    "neural network": Evidence(
        "hidden-space",
        ("corners right by the best of 201 lines", "share right by the net 2-4-1"),
        ("test_gallery_learning.py::test_no_line_solves_xor_and_four_hidden_units_do",),
    ),
    "CNN": Evidence(
        "five-seeds",
        ("median share right: linear, hidden layer, CNN",),
        ("test_gallery_nets.py::test_nets_learn_the_digits",),
    ),
    "CNN: filters and feature maps": Evidence(
        "filters",
        (
            "share of slopes in the filters, mean",
            "feature maps minus SciPy's correlations, rectified, largest",
        ),
        ("test_gallery_convolutions.py::test_first_filters_are_edges",),
    ),
    "CNN: saliency": Evidence(
        "saliency",
        ("share right without {FEW} pixels that saliency names, at most",),
        ("test_gallery_convolutions.py::test_saliency_names_the_pixels_that_matter",),
    ),
    "CNN: shift equivariance": Evidence(
        "shifts",
        ("convolution: moved maps minus maps of the moved digit, largest of 8 shifts",),
        ("test_gallery_learning.py::test_a_convolution_commutes_with_shifts",),
    ),
    "CNN: a tiny segmenter": Evidence(
        "segmenter",
        ("both at the end",),
        ("test_ready_made_nets.py::test_the_segmenter_finds_shapes",),
    ),
    "CNN: a tiny detector": Evidence(
        "detector",
        ("median overlap at the end", "share of kinds right at the end"),
        ("test_ready_made_nets.py::test_the_detector_finds_boxes",),
    ),
    "loss": Evidence(
        "losses",
        ("cross-entropy of 3 equal scores", "cross-entropy of 10 equal scores"),
        ("test_concept_numbers.py::test_the_first_cross_entropy_is_ln_c",),
    ),
    "gradient": Evidence(
        "gradient",
        ("best of {DIRECTIONS} directions, in degrees", "steepest rise: ‖g‖"),
        ("test_concept_numbers.py::test_the_best_direction_is_the_gradient",),
    ),
    "derivative": Evidence(
        "secants",
        ("slope of log error against log h, {name}",),
        ("test_concept_numbers.py::test_errors_of_differences_have_their_order",),
    ),
    "automatic differentiation": Evidence(
        "price-and-digits",
        (
            "largest error of the four exact methods, in ulps",
            "reverse over forward mode with ten inputs, dearest of three",
        ),
        ("test_gallery_concepts.py::test_reverse_mode_is_cheap_with_ten_inputs",),
    ),
    "forward propagation": Evidence(
        "forward-trace",
        ("the value of each line",),
        ("test_explain.py::test_the_primal_trace_is_that_of_the_survey",),
    ),
    "backward propagation": Evidence(
        "adjoint-sweep",
        ("the adjoint of x1", "the adjoint of x2"),
        ("test_explain.py::test_the_adjoint_trace_is_that_of_the_survey_line_by_line",),
    ),
    "softmax classifier": Evidence(
        "softmax",
        ("largest ‖J‖₂ of {SAMPLE} and one Jacobians", "largest sum of a row of J"),
        (
            "test_concept_numbers.py::"
            "test_the_softmax_jacobian_is_at_most_a_half_with_rows_that_sum_to_zero",
        ),
    ),
    "cross-entropy": Evidence(
        "cross-entropy",
        ("gradient minus (p − y), largest", "stable form at a gap of 800"),
        (
            "test_concept_numbers.py::test_the_gradient_of_cross_entropy_is_p_minus_y",
            "test_concept_numbers.py::test_a_gap_of_800_costs_800",
        ),
    ),
    "convolution": Evidence(
        "convolution",
        (
            "filter's gradient minus the image correlated with ȳ",
            "filter's gradient minus finite differences",
            "output minus convolve2d of the flipped filter",
        ),
        ("test_concept_numbers.py::test_a_filters_gradient_is_a_correlation",),
    ),
    "learning rate": Evidence(
        "learning-rate",
        (
            "2/λmax from the Hessian",
            "factor per update at 0.0199",
            "factor per update at 0.0201",
        ),
        (
            "test_schedules.py::test_two_over_the_largest_curvature_is_the_edge",
            "test_gallery_optim.py::test_one_per_cent_decides",
        ),
    ),
    "learning-rate schedules": Evidence(
        "schedules",
        ("closed form minus recurrence, largest of {len(gaps)} schedules",),
        (
            "test_schedules.py::test_closed_form_is_the_recurrence",
            "test_torch_optim.py::test_rates_are_those_of_pytorch",
        ),
    ),
    "gradient descent": Evidence(
        "contraction",
        (
            "factor per update at the best rate, κ = 100",
            "largest distance from (κ − 1)/(κ + 1), thirteen κ",
        ),
        ("test_optim.py::test_best_rate_contracts_by_the_condition_number",),
    ),
    "a branch on a number": Evidence(
        "branch",
        ("slope at 3 by symbolic, forward, reverse, complex step",),
        ("test_concept_numbers.py::test_a_branch_at_one_point_hides_its_slope",),
    ),
    "learning signal": Evidence(
        "depth",
        ("sigmoid: the same over the theory of wide layers", "sigmoid: factor per layer"),
        ("test_first_weights.py::test_he_et_al_2015",),
    ),
    "mini-batch SGD": Evidence(
        "mini-batch-variance",
        (
            "slope of log E‖g − G‖² against log b",
            "mean of single-example gradients minus the full one",
        ),
        (
            "test_theory.py::test_the_variance_of_a_batch_falls_with_its_size",
            "test_signal.py::test_their_mean_is_the_full_gradient",
        ),
    ),
    "intuition": Evidence(
        "bias-variance",
        (
            "bias² + variance + noise over the measured error, minus one",
            "steps against the U",
            "numbers of points at which more raise the error",
        ),
        (
            "test_gallery_maps.py::test_bias_variance_and_noise_make_the_error",
            "test_gallery_maps.py::test_more_points_lower_the_variance_alone",
        ),
    ),
    "stochastic gradient descent": Evidence(
        "sgd-escape",
        (
            "share of 1,000 runs that leave with all examples",
            "share that has left with single examples",
            "mean of the single gradients minus the full one",
        ),
        ("test_gallery_maps.py::test_full_batches_stay_and_single_examples_leave",),
    ),
    # Papers
    "Baydin et al. 2018, expression swell": Evidence(
        "swell",
        (
            "operations of SymPy's derivative, n = 2…8",
            "after eliminating common subexpressions",
            "forward mode: 8(n − 1)",
        ),
        ("test_symbolic.py::test_expression_swell_of_the_logistic_map",),
    ),
    "Baydin et al. 2018, table 2": Evidence(
        "forward-trace",
        ("the value of each line", "the tangents with respect to x1"),
        ("test_explain.py::test_the_tangent_trace_is_that_of_the_survey",),
    ),
    "Baydin et al. 2018, table 3": Evidence(
        "adjoint-sweep",
        ("sums of what arrives at x1 and x2",),
        ("test_explain.py::test_the_adjoint_trace_is_that_of_the_survey_line_by_line",),
    ),
    "Baydin et al. 2018, step size": Evidence(
        "steps",
        (
            "best error of the {name} difference",
            "its step h ({name})",
            "doubles between the complex step at h = 1e-100 and the derivative",
        ),
        ("test_gallery_numbers.py::test_orders_and_best_steps_are_those_of_the_survey",),
    ),
    "Baydin et al. 2018, Helmholtz energy": Evidence(
        "helmholtz",
        (
            "sizes from 1 to 50 at which reverse mode is outside 1.5 to 4 functions",
            "finite differences over the function, divided by n = 50",
            "forward mode over the function, divided by n = 50",
        ),
        (
            "test_swell.py::test_helmholtz_energy_over_the_function",
            "test_paper_numbers.py::test_helmholtz_energy",
        ),
    ),
    "Laue 2019, equivalence": Evidence(
        "equivalence",
        (
            "functions whose two sweeps count different operations",
            "its derivative by 57 weights, as a tree",
            "value and derivative, differentiated, then eliminated",
            "the same over the function",
        ),
        (
            "test_swell.py::test_random_functions_have_one_backward_sweep",
            "test_swell.py::test_the_cases_of_papers_have_one_backward_sweep",
            "test_swell.py::test_differentiate_then_eliminate_is_not_reverse_mode",
        ),
    ),
    "Griewank & Walther 2008, cheap gradient": Evidence(
        "cheap-gradient",
        ("operations of (f, ∇f) over those of f, the largest",),
        (
            "test_paper_numbers.py::test_cheap_gradient",
            "battery/test_battery_sweeps.py::test_cheap_gradient",
        ),
    ),
    "Squire & Trapp 1998, complex step": Evidence(
        "complex-step",
        (
            "derivative of x^4.5 at 1.5",
            "derivative of eˣ/√(sin³x + cos³x) at 1.5",
            "x^4.5: largest error for h from 1e-200 to 1e-8, in ulps",
        ),
        (
            "test_paper_numbers.py::test_squire_and_trapp_1998",
            "test_paper_numbers.py::test_complex_step_needs_no_tuning",
        ),
    ),
    "Fornberg 1988, weights": Evidence(
        "stencils",
        (
            "five-point weights minus 1/12, −2/3, 0, 2/3, −1/12",
            "error for polynomials of degree up to the order, in exact arithmetic",
        ),
        (
            "test_finite.py::test_five_point_weights_are_exact",
            "test_finite.py::test_stencils_are_exact_for_polynomials",
        ),
    ),
    "Baydin et al. 2022, forward gradients": Evidence(
        "estimators",
        (
            "Gaussian: ‖ĝ‖² over ‖∇f‖² for n = 50 (theory n + 2)",
            "Gaussian: distance of the mean from ∇f, in standard errors",
        ),
        (
            "test_stochastic.py::test_estimates_are_unbiased",
            "test_stochastic.py::test_the_number_of_the_paper_for_fifty_inputs",
        ),
    ),
    "Glorot & Bengio 2010": Evidence(
        "first-weights",
        ("linear layers, factor per layer: old rule, Xavier", "tanh layers: old rule, Xavier"),
        (
            "test_first_weights.py::test_glorot_and_bengio_2010_linear",
            "test_first_weights.py::test_glorot_and_bengio_2010_tanh",
        ),
    ),
    "He et al. 2015": Evidence(
        "depth",
        (
            "rectifier, He: first over last layer",
            "rectifier, 1/n: first over last layer, ×10⁵ (theory 4.3)",
        ),
        ("test_first_weights.py::test_he_et_al_2015",),
    ),
    "Hochreiter 1991": Evidence(
        "depth",
        ("sigmoid: factor per layer", "sigmoid: factor per layer, at most ¼"),
        ("test_theory.py::test_a_sigmoid_passes_on_less_than_a_quarter",),
    ),
    "Pascanu, Mikolov & Bengio 2013": Evidence(
        "recurrent",
        ("first over last at ρ = 0.9", "first over last at ρ = 1.1"),
        ("test_theory.py::test_a_recurrent_net_multiplies_the_signal_at_every_step",),
    ),
    "Saxe et al. 2014": Evidence(
        "deep-linear",
        (
            "largest deviation from the closed form, of a mode's strength",
            "updates until half of each mode is learned",
        ),
        ("test_theory.py::test_modes_of_a_deep_linear_net_follow_the_closed_form",),
    ),
    "Schoenholz et al. 2017": Evidence(
        "edge-of-chaos",
        (
            "critical σ_w² at σ_b² = 0.05",
            "largest deviation of a net's factor from √χ",
        ),
        (
            "test_theory.py::test_the_critical_line_of_tanh",
            "test_theory.py::test_the_cotangent_of_a_wide_net_follows_chi",
        ),
    ),
    "Li et al. 2018": Evidence(
        "landscape",
        (
            "filter-normalised curves: largest relative difference",
            "raw curves: largest factor between them",
            "log₁₀ of it for 100 directions: least, median and largest",
        ),
        ("test_theory.py::test_scaling_layers_changes_raw_curves_only",),
    ),
    "McCandlish et al. 2018": Evidence(
        "noise-scale",
        (
            "tr Σ / ‖G‖² over all examples (closed form 11.10)",
            "the estimate from two batch sizes",
        ),
        ("test_theory.py::test_the_noise_scale_is_that_of_the_closed_form",),
    ),
    "Sohl-Dickstein 2024, boundary of trainability": Evidence(
        "trainability",
        (
            "box-counting dimension of the border: {name}",
            "the same for a bowl, whose border is straight",
            "one pixel trained by dk.train, largest difference of losses",
        ),
        (
            "test_trainability.py::test_a_run_among_many_is_the_training_written_out",
            "test_trainability.py::test_the_measure_of_the_paper",
            "test_gallery_maps.py::test_a_smaller_rate_may_fail_where_a_larger_one_works",
        ),
    ),
    "Smith 2017, learning-rate range test": Evidence(
        "range-test",
        ("2/λmax by Lanczos' method", "break of the quadratic over 2/λmax, in steps of the grid"),
        ("test_range_test.py::test_a_quadratic_breaks_at_two_over_the_largest_curvature",),
    ),
    # More results
    "simplified formulas": Evidence(
        "forms",
        (
            "power of ten of the largest relative error, {name}",
            "digits that simplifying loses",
        ),
        (
            "test_compare_forms.py::test_rewriting_loses_digits_as_known",
            "test_symbolic.py::test_forms_of_a_derivative_lose_digits",
        ),
    ),
    "the kink identity": Evidence(
        "kink-sum",
        ("slope of the identity at 0, {METHODS_STYLE[method].label}",),
        ("test_concept_numbers.py::test_the_kink_identity_gives_twice_the_convention",),
    ),
}
