/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_html.c - report.html: hostile text stays text, every figure names its cell, the
 * structure that keyboards and screen readers need, and nothing that would be fetched. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/base/text.h"
#include "sim/report/html.h"
#include "sim/report/html_page.h"
#include "tests/check.h"

static void put_file(const char *dir, const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *out = fopen(path, "wb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    fputs(text, out);
    fclose(out);
}

static const char plan_csv[] =
    "rank,state,side,option,label,model,quality,system,hardware,hosting,provider,node,pricing,"
    "reason,"
    "n_gpus,replicas,spares,nodes,n_gpus_poisson,n_gpus_default,n_gpus_bursty,peak_rps,"
    "rps_per_replica,rps_per_replica_band_lo,rps_per_replica_band_hi,binding,"
    "availability_frac,fleet_confirmed,usd_per_month,usd_month_0,capex_usd,usd_per_mtok_input,"
    "usd_per_mtok_output,usd_per_mtok_blended,evidence\n"
    "1,ranked,self-hosted,box,16 boxes & no "
    "<b>,<script>alert(1)</script>,,sys,h100,rented,acme,node8,on-demand,,"
    "16,3,1,2,8,16,24,9.5,4,3,5,TTFT,0.999,1,12345.6,12000,,0.2,0.8,0.4,measured\n"
    "2,ranked,managed,api,,<script>alert(1)</script>,,,,pay-per-token,acme,m,per "
    "token,,,,,,,,,,"
    ",,,,,,23456.7,20000,,0.5,1.5,0.9,\n"
    ",excluded,managed,far,,m,,,,pay-per-token,x,y,per token,\"jurisdiction: \"\"not\"\" "
    "here\","
    ",,,,,,,,,,,,,,,,,,,,\n";
static const char costs_csv[] =
    "option,section,item,usd,quantity,unit,unit_usd,source,as_of,estimated,stale,given\n"
    "box,monthly,rent,12000,16,GPUs,750,https://example.org/p?a=1&b=2 list,2026-10-01,0,1,0\n"
    "box,monthly,trick,1,1,x,1,javascript:alert(1),2026-10-01,1,0,0\n";
static const char breakeven_csv[] =
    "model,option,against,kind,requests_per_day,tok_per_day,usd_per_month,n_gpus,to,month\n"
    "<script>alert(1)</script>,box,api,step,50000,60000000,9000,8,self-hosted,0\n";
static const char crossings_csv[] =
    "model,option,against,kind,requests_per_day,tok_per_day,tok_per_month,usd_per_month,"
    "against_usd_per_month,n_gpus,to,month\n"
    "<script>alert(1)</script>,box,api,smooth,40000,48000000,1461000000,8800,8800,8,"
    "self-hosted,1\n"
    "<script>alert(1)</script>,box,api,step,45000,54000000,1643625000,9900,9000,16,managed,\n"
    "<script>alert(1)</script>,box,api,smooth,50000,60000000,1826250000,9950,9950,16,"
    "self-hosted,\n"
    "<script>alert(1)</script>,box,api,end,7000000,8400000000,255675000000,90000,99000,90,"
    "self-hosted,\n"
    "<script>alert(1)</script>,rack,api,end,7000000,8400000000,255675000000,190000,99000,90,"
    "managed,\n";
static const char forecast_csv[] =
    "model,month,requests_per_day,requests_per_day_p10,requests_per_day_p90,peak_rps,"
    "self_option,n_gpus,"
    "n_gpus_p10,n_gpus_p90,self_usd,self_usd_p10,self_usd_p90,managed_usd,managed_usd_p10,"
    "managed_usd_p90,self_cash_total_usd,managed_cash_total_usd\n"
    "<script>alert(1)</script>,0,100000,90000,110000,9.5,box,16,16,24,12000,11000,13000,"
    "20000,19000,21000,12000,20000\n"
    "<script>alert(1)</script>,1,150000,90000,160000,9.5,box,24,16,32,12000,11000,13000,"
    "20000,19000,21000,12000,20000\n";
static const char sensitivity_csv[] =
    "model,input,unit,low,value,high,usd_low,usd_base,usd_high,total_effect_frac,source,"
    "assumed\n"
    "<script>alert(1)</script>,growth,per month,0,0.01,0.02,-9000,-8000,-7000,0.4,assumed,1\n";
static const char decision_csv[] =
    "section,model,item,value,unit,text\n"
    "decision,,side,,,self-hosted\ndecision,,reason,,,cheaper by the margin\n"
    "decision,,confidence,,,high\ndecision,,chosen,12345.6,USD/month,box\n"
    "decision,,runner_up,23456.7,USD/month,api\ndecision,,self_usd,12345.6,USD/month,box\n"
    "decision,,managed_usd,23456.7,USD/month,api\ndecision,,wins_frac,0.97,fraction,\n"
    "decision,,margin_frac,0.1,fraction,\ndecision,,confidence_frac,0.8,fraction,\n"
    "flip,,rent,3.1,USD/GPU-h,managed if rent exceeds 3.1 USD/GPU-h\n"
    "uncertainty,,self_usd_p10,11000,USD/month,\nuncertainty,,self_usd_p50,12300,USD/month,\n"
    "uncertainty,,self_usd_p90,14000,USD/month,\nbreakeven,,first_crossing,50000,requests/"
    "day,\n"
    "breakeven,,first_win,40000,requests/day,box\n"
    "breakeven,,first_win_tok_per_day,48000000,tokens/day,box\n"
    "breakeven,,first_win_month,1,month,\nuncertainty,,crosses_frac,0.25,fraction,\n"
    "breakeven,,month,0,month,\nnote,,taxes,,,Taxes are left out.\n"
    "demand,,first_month,100000,requests/day,\ndemand,,mean,125000,requests/day,\n"
    "demand,,last_month,150000,requests/day,\ndemand,,mean_over_first,1.25,ratio,\n"
    "decision,small,side,,,self-hosted\ndecision,small,self_usd,12345.6,USD/month,box\n"
    "decision,small,managed_usd,23456.7,USD/month,api\ndecision,large,side,,,managed\n"
    "decision,large,self_usd,,USD/month,\ndecision,large,managed_usd,130000,USD/month,api\n"
    "cash,<script>alert(1)</script>,months,36,months,\n"
    "cash,<script>alert(1)</script>,cost,2830000,USD,\n"
    "cash,<script>alert(1)</script>,bought,7100000,USD,\n"
    "cash,<script>alert(1)</script>,nodes,11,nodes,\n"
    "cash,<script>alert(1)</script>,capital,700000,USD,\n"
    "cash,<script>alert(1)</script>,value_left,6700000,USD,\n"
    "cash,<script>alert(1)</script>,cash,8830000,USD,\n";

static const char models_csv[] =
    "step,model,quality,option,side,usd_per_month,over,premium_usd_per_month,"
    "premium_usd_per_1k_requests,gain_needed_frac,gain_points,gain_frac,usd_per_point,verdict\n"
    "1,small,70,box,self-hosted,100000,,,,,,,,cheapest\n"
    "2,large,84,api,managed,130000,small,30000,1.25,0.3,14,0.2,2142.85714,"
    "cost per point rises\n";

static const char pareto_csv[] = "model,hardware,output_tok_s_per_gpu,front,best\n"
                                 "<script>alert(1)</script>,h100,900,1,1\n";

static const char picture[] =
    "<?xml version=\"1.0\"?>\n<svg \n width=\"1000\" height=\"500\"\n viewBox=\"0 0 1000 "
    "500\"\n "
    "xmlns=\"http://www.w3.org/2000/svg\">\n<title>t</title><g id=\"gnuplot_canvas\">"
    "<circle id='gpDot'/><use href='#gpDot'/></g></svg>\n";

static void write_tables(const char *dir, const char *decision)
{
    mkdir(dir, 0700);
    put_file(dir, "plan.csv", plan_csv);
    put_file(dir, "costs.csv", costs_csv);
    put_file(dir, "breakeven.csv", breakeven_csv);
    put_file(dir, "crossings.csv", crossings_csv);
    put_file(dir, "forecast.csv", forecast_csv);
    put_file(dir, "sensitivity.csv", sensitivity_csv);
    put_file(dir, "decision.csv", decision);
    put_file(dir, "models.csv", models_csv);
    put_file(dir, "pareto.csv", pareto_csv);
}

/* The page of the tables in dir; the caller frees it. */
static char *render(const char *dir, const struct scenario *sc)
{
    struct html_report report = {
        .dir = dir, .scenario = sc, .version = "1.2.3", .as_of = "2026-11-22"};
    struct err err = {0};
    char path[512];
    size_t n;
    CU_ASSERT_TRUE_FATAL(html_write(&report, &err));
    snprintf(path, sizeof path, "%s/report.html", dir);
    char *page = text_load(path, 64 * TEXT_MIB, &n, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(page);
    return page;
}

static char *make_page_in(const char *decision, double eur_per_usd)
{
    const char *dir = check_tmp(0, "html");
    struct scenario sc = {.name = "a\"><script>name", .question = "Is <b>3 & 4</b> 'enough'?"};
    sc.economics.eur_per_usd = eur_per_usd;
    write_tables(dir, decision);
    put_file(dir, "cost.svg", picture);
    put_file(dir, "tornado.svg", picture);
    return render(dir, &sc);
}

static char *make_page(const char *decision)
{
    return make_page_in(decision, NAN);
}

static int count(const char *page, const char *what)
{
    int n = 0;
    for (const char *s = strstr(page, what); s; s = strstr(s + 1, what)) {
        n++;
    }
    return n;
}

static void expect(const char *page, const char *what)
{
    if (!strstr(page, what)) {
        printf("missing: %s\n", what);
    }
    CU_ASSERT_PTR_NOT_NULL(strstr(page, what));
}

static void whole_numbers_have_commas_between_thousands(void)
{
    static const struct {
        double value;
        const char *text;
    } rows[] = {{0, "0"},          {999.4, "999"},         {999.6, "1,000"},  {-0.4, "0"},
                {-1234, "-1,234"}, {1234567, "1,234,567"}, {1e6, "1,000,000"}};
    char buf[TEXT_GROUPED_BYTES];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CU_ASSERT_STRING_EQUAL(text_grouped(buf, rows[i].value), rows[i].text);
    }
    CU_ASSERT_EQUAL(strlen(text_grouped(buf, -1.7e308)), 309 + 102 + 1);
}

static void names_that_are_markup_stay_text(void)
{
    char *page = make_page(decision_csv);
    CU_ASSERT_EQUAL(count(page, "<script>"), 1); /* the one that sorts */
    CU_ASSERT_PTR_NULL(strstr(page, "alert(1)</script>"));
    expect(page, "&lt;script&gt;alert(1)&lt;/script&gt;");
    expect(page, "Is &lt;b&gt;3 &amp; 4&lt;/b&gt; &#39;enough&#39;?");
    expect(page, "a&quot;&gt;&lt;script&gt;name");
    free(page);
}

static void only_a_web_address_becomes_a_link(void)
{
    char *page = make_page(decision_csv);
    expect(page, "href=\"https://example.org/p?a=1&amp;b=2\"");
    CU_ASSERT_PTR_NULL(strstr(page, "href=\"javascript:"));
    free(page);
}

static void a_figure_names_its_cell(void)
{
    char *page = make_page(decision_csv);
    expect(page, "<span data-source=\"plan.csv:2:usd_per_month\">12,346</span>");
    expect(page, "<span data-source=\"costs.csv:2:unit_usd\">750</span>");
    expect(page, "<span data-source=\"decision.csv:9:value\">97&nbsp;%</span>");
    expect(page, "<span data-source=\"breakeven.csv:2:tok_per_day\">60M</span>");
    free(page);
}

static void the_answer_is_one_sentence_with_its_figures(void)
{
    char *page = make_page(decision_csv);
    const char *answer = strstr(page, "<div class=\"answer\"");
    CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
    const char *end = strstr(answer, "</p>");
    CU_ASSERT_PTR_NOT_NULL_FATAL(end);
    CU_ASSERT_TRUE(strstr(answer, "Rent ") && strstr(answer, "Rent ") < end);
    CU_ASSERT_TRUE(strstr(answer, "plan.csv:2:n_gpus\">16<") < end);
    CU_ASSERT_TRUE(strstr(answer, "decision.csv:4:text\">high<") < end);
    CU_ASSERT_TRUE(strstr(answer, "The verdict and its confidence are about cost; these "
                                  "machines are sized to your service levels.") < end);
    free(page);
}

static void a_managed_verdict_says_that_it_is_about_cost_alone(void)
{
    char *page = make_page("section,model,item,value,unit,text\n"
                           "decision,,reason,,,managed is cheaper\n"
                           "decision,,confidence,,,high\n"
                           "decision,,chosen,23456.7,USD/month,api\n"
                           "decision,,managed_usd,23456.7,USD/month,api\n");
    expect(page,
           "The verdict and its confidence are about cost: whether the managed offer keeps "
           "your service levels was not checked");
    expect(page, "that is not in the confidence.");
    free(page);
}

static void each_of_several_models_has_its_verdict(void)
{
    char *page = make_page(decision_csv);
    expect(page, "models.csv:2:model\">small</span>: <strong><span "
                 "data-source=\"decision.csv:27:text\">self-hosted</span></strong>; best "
                 "self-hosted <span data-source=\"plan.csv:2:label\">16 boxes &amp; no "
                 "&lt;b&gt;</span>, <span data-source=\"decision.csv:28:value\">12,346</span> "
                 "USD a month; best managed <span data-source=\"decision.csv:29:text\">api<");
    expect(page, "models.csv:3:model\">large</span>: <strong><span "
                 "data-source=\"decision.csv:30:text\">managed</span></strong>; best "
                 "self-hosted none; best managed ");
    free(page);
}

static void a_step_up_in_quality_says_what_it_costs(void)
{
    char *page = make_page(decision_csv);
    expect(page, "models.csv:3:premium_usd_per_month\">30,000<");
    expect(page, "models.csv:3:gain_needed_frac\">30&nbsp;%");
    expect(page, "models.csv:3:gain_frac\">20&nbsp;%");
    expect(page, "models.csv:3:usd_per_point\">2,143<");
    expect(page, "cost per point rises");
    free(page);
}

static void the_terms_of_the_decision_are_said(void)
{
    char *page = make_page(decision_csv);
    expect(page,
           "chosen when it is at least <span data-source=\"decision.csv:10:value\">10&nbsp;%");
    expect(page,
           "at least <span data-source=\"decision.csv:11:value\">80&nbsp;%</span> of them; "
           "here it is in <span data-source=\"decision.csv:9:value\">97&nbsp;%");
    expect(page, "high from 95&nbsp;% on, medium from 80&nbsp;%, else low");
    expect(page, "<span class=\"screen\"> (<a href=\"#sure\">what that means</a>)</span>");
    expect(page, ",.screen{display:none}");
    expect(page, "id=\"sure\"");
    expect(page, "measured</span> (of this system itself).");
    expect(page, "TTFT</span>, the time to the first token.");
    expect(page, "1 option or system without a rank, <a href=\"#h-excluded\">counted by "
                 "reason</a>. Of these the policy excludes 1. ");
    expect(
        page,
        "130,000</span> USD a month, <span data-source=\"models.csv:3:premium_usd_per_month\">"
        "30,000</span> (<span data-source=\"models.csv:3:gain_needed_frac\">30&nbsp;%</span>) "
        "more than <span data-source=\"models.csv:3:over\">small");
    free(page);
}

/* Words for the reader, the name that the tables go by beside them. */
static void an_option_is_told_in_words_and_by_name(void)
{
    char *page = make_page(decision_csv);
    expect(page, "<span data-source=\"plan.csv:2:label\">16 boxes &amp; no &lt;b&gt;</span><br>"
                 "<small>in the tables: <span data-source=\"plan.csv:2:option\">box<");
    expect(page, "<span data-source=\"plan.csv:3:option\">api</span><br>"); /* has no words */
    free(page);
}

/* The pair of the chart crosses at another volume than the first of all options. */
static void the_break_even_is_of_any_option(void)
{
    char *page = make_page(decision_csv);
    expect(page,
           "By cost alone, from <span data-source=\"decision.csv:17:value\">40,000</span>");
    expect(page, "<span data-source=\"decision.csv:18:value\">48M</span> tokens a day) on");
    expect(page, "first costs less, in that one month</th><td");
    expect(page, "from <span data-source=\"decision.csv:17:value\">40,000</span></td>");
    expect(page, "in month <span data-source=\"decision.csv:19:value\">1</span> (2026-12)");
    expect(page, "cross first at <span data-source=\"decision.csv:16:value\">50,000</span>");
    expect(page,
           "in <span data-source=\"decision.csv:20:value\">25&nbsp;%</span> of the samples");
    free(page);
}

static void the_volume_that_switches_is_in_the_table(void)
{
    char *page = make_page("section,model,item,value,unit,text\n"
                           "decision,,self_usd,12345.6,USD/month,box\n"
                           "decision,,managed_usd,23456.7,USD/month,api\n"
                           "flip,,volume of the first month,4480000,requests/day,\"managed if "
                           "volume of the first month falls under 4,480,000 requests/day\"\n"
                           "demand,,mean_over_first,1.25,ratio,\n");
    expect(page, "below <span data-source=\"decision.csv:4:value\">4,480,000</span>");
    expect(page, "on average over the plan <span data-source=\"decision.csv:5:value\">1.25<");
    free(page);
}

static void volumes_of_break_even_and_flips_are_related(void)
{
    char *page = make_page(decision_csv);
    expect(page, "<span data-source=\"decision.csv:24:value\">125,000</span> on average");
    expect(page, "it is <span data-source=\"decision.csv:26:value\">1.25</span> times that");
    free(page);
}

/* Won at 40,000, lost at 45,000, won again at 50,000; the rack never wins. */
static void every_pair_has_its_break_even(void)
{
    char *page = make_page(decision_csv);
    expect(page,
           "from <span data-source=\"crossings.csv:3:requests_per_day\">45,000</span> to "
           "<span data-source=\"crossings.csv:4:requests_per_day\">50,000</span>, to <span "
           "data-source=\"crossings.csv:3:against\">api<");
    expect(page, "not by month <span data-source=\"forecast.csv:3:month\">1</span> (2026-12)");
    expect(page, "switches the decision</th>");
    expect(page, "none in its sensible range");
    expect(page, "<span data-source=\"crossings.csv:2:tok_per_month\">1.46G</span>");
    expect(page, "<td class=\"num\" data-sort=\"2\">2</td>");
    expect(page, "not up to <span data-source=\"crossings.csv:6:requests_per_day\">7,000,000<");
    free(page);
}

static void a_fleet_that_grows_says_to_what(void)
{
    char *page = make_page(decision_csv);
    expect(page, "grow to <span data-source=\"forecast.csv:3:n_gpus\">24</span> GPUs in month "
                 "<span data-source=\"forecast.csv:3:month\">1</span> (2026-12), the last");
    free(page);
}

/* 2.83 M of cost + 6.7 M left - 0.7 M cost of capital = 8.83 M of cash. */
static void cost_and_cash_are_reconciled(void)
{
    char *page = make_page(decision_csv);
    expect(page,
           "purchases over the plan <span data-source=\"decision.csv:35:value\">7,100,000"
           "</span> USD (<span data-source=\"decision.csv:36:value\">11</span> machines)");
    expect(page,
           "at the end <span data-source=\"decision.csv:39:value\">8,830,000</span> USD = "
           "cost of <span data-source=\"decision.csv:33:value\">36</span> months "
           "<span data-source=\"decision.csv:34:value\">2,830,000</span> USD + value left "
           "in machines <span data-source=\"decision.csv:38:value\">6,700,000</span> USD − "
           "cost of capital <span data-source=\"decision.csv:37:value\">700,000</span>");
    free(page);
}

static void costs_that_never_cross_are_said_to_be_so(void)
{
    char *page =
        make_page("section,model,item,value,unit,text\n"
                  "decision,,self_usd,12345.6,USD/month,box\n"
                  "decision,,managed_usd,23456.7,USD/month,api\n"
                  "breakeven,,searched_to,7000000,requests/day,dearer at every volume\n");
    expect(page, "at no volume searched (up to "
                 "<span data-source=\"decision.csv:4:value\">7,000,000</span> requests a day)");
    free(page);
}

/* 12,345.6 USD at 0.5 EUR. */
static void a_second_currency_stands_beside_the_dollar(void)
{
    char *page = make_page_in(decision_csv, 0.5);
    expect(page, "plan.csv:2:usd_per_month times scenario:economics.eur_per_usd\">6,173<");
    expect(page,
           "<div>Self-hosted: <span data-source=\"plan.csv:2:usd_per_month\">12,346</span> "
           "USD (<span data-source=\"decision.csv:13:value\">11,000</span> to <span "
           "data-source=\"decision.csv:15:value\">14,000</span> USD, P10 to P90), which is ");
    expect(page,
           "eur_per_usd\">5,500</span> to <span data-source=\"decision.csv:15:value times "
           "scenario:economics.eur_per_usd\">7,000</span> EUR, P10 to P90)");
    expect(page,
           "; input <span data-source=\"plan.csv:3:usd_per_mtok_input\">0.5</span> USD (");
    free(page);
    page = make_page(decision_csv);
    CU_ASSERT_PTR_NULL(strstr(page, " EUR"));
    free(page);
}

static void no_option_left_is_said(void)
{
    char *page = make_page("section,model,item,value,unit,text\n"
                           "decision,,side,,,none\ndecision,,reason,,,nothing is left\n"
                           "decision,,confidence,,,low\ndecision,,chosen,,USD/month,\n");
    expect(page,
           "No option is left: <span data-source=\"decision.csv:3:text\">nothing is left");
    CU_ASSERT_PTR_NULL(strstr(page, "id=\"h-bands\""));
    free(page);
}

static void headings_are_buttons_that_say_the_order(void)
{
    char *page = make_page(decision_csv);
    int heads = count(page, "<th scope=\"col\"");
    CU_ASSERT_TRUE(heads > 20);
    CU_ASSERT_EQUAL(count(page, "aria-sort=\"none\""), heads);
    CU_ASSERT_EQUAL(count(page, "<button type=\"button\">"), heads);
    CU_ASSERT_EQUAL(count(page, "<table"), count(page, "<caption"));
    CU_ASSERT_EQUAL(count(page, "<table"), count(page, "role=\"region\" tabindex=\"0\""));
    CU_ASSERT_TRUE(count(page, "<th scope=\"row\"") > 5);
    expect(page, "data-sort=\"12345.6\"");
    free(page);
}

/* Twenty options of model a, then one of model b, two of a provider that the scenario names. */
static void put_long_ranking(const char *dir)
{
    char text[4096];
    int n = snprintf(text, sizeof text, "rank,state,side,option,model,provider\n");
    for (int rank = 1; rank <= 23; rank++) {
        n += snprintf(text + n, sizeof text - (size_t)n, "%d,ranked,managed,o%d,%s,%s\n", rank,
                      rank, rank == 21 ? "b" : "a", rank >= 22 ? "named" : "other");
    }
    put_file(dir, "plan.csv", text);
}

/* Two for memory, one each by policy, latency and price; a state it does not know is counted.
 */
static void shares_are_in_percent(void)
{
    char *page =
        make_page("section,model,item,value,unit,text\n"
                  "no_flip,,growth,0.04,per month,\nno_flip,,utilisation,0.8,fraction,\n"
                  "no_flip,,volume,200000,requests/day,\n");
    expect(page, "decision.csv:2:value\">4&nbsp;%</span> <span "
                 "data-source=\"decision.csv:2:unit\">per month</span>");
    expect(page, "decision.csv:3:value\">80&nbsp;%</span>)");
    expect(page, "decision.csv:4:value\">200,000</span> ");
    free(page);
    page = make_page(decision_csv);
    expect(page, "sensitivity.csv:2:high\">2&nbsp;%<");
    free(page);
}

static void short_names_are_explained_and_print(void)
{
    char *page = make_page(decision_csv);
    const char *terms = strstr(page, "<h2 id=\"h-terms\">");
    CU_ASSERT_PTR_NOT_NULL_FATAL(terms);
    CU_ASSERT_PTR_NOT_NULL(strstr(terms, "<details class=\"print\">"));
    CU_ASSERT_PTR_NOT_NULL(strstr(terms, "<dt>TP4, EP4, PP2, DP8</dt><dd>"));
    CU_ASSERT_PTR_NOT_NULL(strstr(terms, "<dt>tokens2048</dt><dd>"));
    expect(page, "<a href=\"#h-terms\">Terms</a>");
    free(page);
}

static void what_is_left_out_is_counted_by_reason(void)
{
    const char *dir = check_tmp(1, "html");
    struct scenario sc = {.name = "x", .question = ""};
    write_tables(dir, decision_csv);
    put_file(dir, "plan.csv",
             "rank,state,side,option,model,reason\n1,ranked,managed,o,a,\n"
             ",memory,self-hosted,p,a,x\n,memory,self-hosted,q,a,x\n"
             ",excluded,managed,r,a,jurisdiction: x\n"
             ",excluded,managed,s,a,service level: x\n,unpriced,managed,t,a,x\n"
             ",new,managed,u,a,x\n");
    char *page = render(dir, &sc);
    expect(page, "6 options and systems without a rank, ");
    expect(page, "Of these the policy or a given latency excludes 2. 1 has no price");
    expect(page,
           ">does not fit the memory of its GPUs</th><td class=\"num\" data-sort=\"2\">2<");
    expect(page, ">excluded by the policy</th><td class=\"num\" data-sort=\"1\">1<");
    expect(page, ">other</th><td class=\"num\" data-sort=\"1\">1<");
    expect(page, ">all together</th><td class=\"num\" data-sort=\"6\">6<");
    free(page);
}

static void a_long_ranking_shows_each_model_and_named_provider(void)
{
    const char *dir = check_tmp(1, "html");
    struct scenario_managed named = {.provider = "named", .model = "a"};
    struct scenario sc = {.name = "x", .question = "", .managed = &named, .n_managed = 1};
    write_tables(dir, decision_csv);
    put_long_ranking(dir);
    char *page = render(dir, &sc);
    const char *more = strstr(page, "<details><summary>5 dearer options");
    CU_ASSERT_PTR_NOT_NULL_FATAL(more);
    expect(page, "The first 16 of 23, then the best");
    CU_ASSERT_TRUE(strstr(page, "plan.csv:17:option\">o16<") < more);
    CU_ASSERT_TRUE(strstr(page, "plan.csv:22:option\">o21<") < more);
    CU_ASSERT_TRUE(strstr(page, "plan.csv:23:option\">o22<") < more);
    CU_ASSERT_PTR_NOT_NULL(strstr(more, "plan.csv:18:option\">o17<"));
    CU_ASSERT_PTR_NOT_NULL(strstr(more, "plan.csv:24:option\">o23<"));
    free(page);
}

static void landmarks_and_language_are_there(void)
{
    static const char *const parts[] = {"<html lang=\"en\">",
                                        "<header>",
                                        "<main id=\"main\">",
                                        "<footer>",
                                        "<h1>",
                                        "<nav ",
                                        "class=\"skip\" href=\"#main\"",
                                        "<!DOCTYPE html>"};
    char *page = make_page(decision_csv);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        CU_ASSERT_EQUAL(count(page, parts[i]), 1);
    }
    free(page);
}

static void tags_are_balanced(void)
{
    static const char *const tags[] = {"section", "table",  "thead", "tbody",
                                       "details", "figure", "dl",    "ul",
                                       "main",    "div",    "span",  "svg"};
    char *page = make_page(decision_csv);
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        char open[32], attributes[32], close[32];
        snprintf(open, sizeof open, "<%s>", tags[i]);
        snprintf(attributes, sizeof attributes, "<%s ", tags[i]);
        snprintf(close, sizeof close, "</%s>", tags[i]);
        CU_ASSERT_EQUAL(count(page, open) + count(page, attributes), count(page, close));
    }
    free(page);
}

static void pictures_have_words_and_ids_of_their_own(void)
{
    char *page = make_page(decision_csv);
    expect(page, "<svg role=\"img\" aria-label=\"What each option costs per million tokens\"");
    expect(page, "id='cost-gpDot'");
    expect(page, "href='#cost-gpDot'");
    expect(page, "id='tornado-gpDot'");
    CU_ASSERT_EQUAL(count(page, "<figcaption>"), 2);
    CU_ASSERT_PTR_NULL(strstr(page, "<?xml"));
    free(page);
}

static void nothing_is_fetched(void)
{
    static const char *const fetching[] = {" src=", "<link",   "@import", "url(http",
                                           "<img",  "<iframe", "fetch(",  "XMLHttpRequest"};
    char *page = make_page(decision_csv);
    expect(page, "content=\"default-src 'none'; ");
    for (size_t i = 0; i < sizeof fetching / sizeof *fetching; i++) {
        CU_ASSERT_PTR_NULL(strstr(page, fetching[i]));
    }
    free(page);
}

/* These tables lack what the Pareto chart draws: a defect, not a plan with nothing to show. */
static void a_missing_column_of_a_chart_is_an_error(void)
{
    const char *dir = check_tmp(1, "html");
    struct scenario sc = {.name = "x", .question = ""};
    struct html_report report = {.dir = dir,
                                 .scenario = &sc,
                                 .version = "1.2.3",
                                 .as_of = "2026-11-22",
                                 .template_dir = "plots"};
    struct err err = {0};
    write_tables(dir, decision_csv);
    CU_ASSERT_FALSE(html_charts(&report, &err));
    CU_ASSERT_EQUAL(err.code, ERR_INPUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "tok_s_per_user"));
}

static void a_missing_table_is_an_error_and_leaves_no_page(void)
{
    const char *dir = check_tmp(1, "missing");
    struct scenario sc = {.name = "n", .question = ""};
    struct html_report report = {.dir = dir, .scenario = &sc, .version = "1", .as_of = ""};
    struct err err = {0};
    char path[512];
    mkdir(dir, 0700);
    CU_ASSERT_FALSE(html_write(&report, &err));
    CU_ASSERT_EQUAL(err.code, ERR_IO);
    snprintf(path, sizeof path, "%s/report.html", dir);
    CU_ASSERT_NOT_EQUAL(access(path, F_OK), 0);
}

static const struct check_case cases[] = {
    {"whole_numbers_have_commas_between_thousands",
     whole_numbers_have_commas_between_thousands},
    {"names_that_are_markup_stay_text", names_that_are_markup_stay_text},
    {"only_a_web_address_becomes_a_link", only_a_web_address_becomes_a_link},
    {"a_figure_names_its_cell", a_figure_names_its_cell},
    {"the_answer_is_one_sentence_with_its_figures",
     the_answer_is_one_sentence_with_its_figures},
    {"a_managed_verdict_says_that_it_is_about_cost_alone",
     a_managed_verdict_says_that_it_is_about_cost_alone},
    {"each_of_several_models_has_its_verdict", each_of_several_models_has_its_verdict},
    {"a_step_up_in_quality_says_what_it_costs", a_step_up_in_quality_says_what_it_costs},
    {"the_terms_of_the_decision_are_said", the_terms_of_the_decision_are_said},
    {"an_option_is_told_in_words_and_by_name", an_option_is_told_in_words_and_by_name},
    {"the_break_even_is_of_any_option", the_break_even_is_of_any_option},
    {"the_volume_that_switches_is_in_the_table", the_volume_that_switches_is_in_the_table},
    {"volumes_of_break_even_and_flips_are_related",
     volumes_of_break_even_and_flips_are_related},
    {"every_pair_has_its_break_even", every_pair_has_its_break_even},
    {"a_fleet_that_grows_says_to_what", a_fleet_that_grows_says_to_what},
    {"cost_and_cash_are_reconciled", cost_and_cash_are_reconciled},
    {"costs_that_never_cross_are_said_to_be_so", costs_that_never_cross_are_said_to_be_so},
    {"a_second_currency_stands_beside_the_dollar", a_second_currency_stands_beside_the_dollar},
    {"no_option_left_is_said", no_option_left_is_said},
    {"headings_are_buttons_that_say_the_order", headings_are_buttons_that_say_the_order},
    {"shares_are_in_percent", shares_are_in_percent},
    {"short_names_are_explained_and_print", short_names_are_explained_and_print},
    {"what_is_left_out_is_counted_by_reason", what_is_left_out_is_counted_by_reason},
    {"a_long_ranking_shows_each_model_and_named_provider",
     a_long_ranking_shows_each_model_and_named_provider},
    {"landmarks_and_language_are_there", landmarks_and_language_are_there},
    {"tags_are_balanced", tags_are_balanced},
    {"pictures_have_words_and_ids_of_their_own", pictures_have_words_and_ids_of_their_own},
    {"nothing_is_fetched", nothing_is_fetched},
    {"a_missing_column_of_a_chart_is_an_error", a_missing_column_of_a_chart_is_an_error},
    {"a_missing_table_is_an_error_and_leaves_no_page",
     a_missing_table_is_an_error_and_leaves_no_page},
};

int main(void)
{
    return check_main("html", cases, (int)(sizeof cases / sizeof *cases));
}
